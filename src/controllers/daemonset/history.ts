import type { LabelSelector } from '../../api/selectors/label-selector.ts';
import { conflictError } from '../../api/status.ts';
import type { ControllerRevision, DaemonSet } from '../../api/types/gen/apps-v1.ts';
import type { Pod } from '../../api/types/gen/core-v1.ts';
import { isAlreadyExists, isNotFound } from '../../base/errors.ts';
import type { Informed } from '../../client/informers.ts';
import type { ResourceClient } from '../../client/resource-client.ts';
import type { ControllerParts } from '../controller.ts';
import { OwnedObjects, type OwnerKind } from '../pods/owned-objects.ts';
import { CONTROLLER_REVISIONS, DAEMON_SETS, PODS } from '../resources.ts';
import {
  hashOf,
  holds,
  newRevision,
  REVISION_HASH,
  type Revisions,
  sortRevisions,
  surplusRevisions,
} from '../revisions/plan.ts';

/** --revision-history-limit unless the set says it. */
const HISTORY_LIMIT = 10;

export interface History {
  readonly current: ControllerRevision;
  readonly old: readonly ControllerRevision[];
}

/** The revisions of daemon sets: each template that a set has had. */
export class DaemonHistory {
  readonly #kind: OwnerKind;
  readonly #revisions: OwnedObjects<ControllerRevision, DaemonSet>;
  readonly #writer: ResourceClient<ControllerRevision>;
  readonly #sets: ResourceClient<DaemonSet>;
  readonly #pods: ResourceClient<Pod>;

  constructor(
    parts: ControllerParts,
    kind: OwnerKind,
    owners: Informed<DaemonSet>,
    selectorOf: (set: DaemonSet) => LabelSelector | undefined,
  ) {
    this.#kind = kind;
    this.#writer = parts.client<ControllerRevision>(CONTROLLER_REVISIONS);
    this.#sets = parts.client<DaemonSet>(DAEMON_SETS);
    this.#pods = parts.client<Pod>(PODS);
    this.#revisions = new OwnedObjects<ControllerRevision, DaemonSet>({
      objects: parts.informed<ControllerRevision>(CONTROLLER_REVISIONS),
      owners,
      kind,
      selectorOf,
      enqueue: key => parts.enqueue(key),
      writer: this.#writer,
    });
  }

  /** The present revision, made where there is none yet, with its number raised where it came back. Throws what the server says. */
  async of(set: DaemonSet, selector: LabelSelector, pods: readonly Pod[], signal: AbortSignal): Promise<History> {
    const { namespace = '', name = '' } = set.metadata;
    const fresh = () => this.#sets.get(namespace, name, signal);
    const all = await this.#revisions.claim(set, selector, fresh, signal);
    const found = sortRevisions(all, set.spec.template);
    const current = found.current ?? (await this.#make(set, found, signal));
    if (found.current !== undefined) await this.#join(found.current, found.duplicates, pods, signal);
    if (current.revision >= found.number) return { current, old: found.old };
    return { current: await this.#writer.update({ ...current, revision: found.number }, signal), old: found.old };
  }

  /** Deletes what is too old and of which there are no pods. */
  async clean(set: DaemonSet, { old }: History, pods: readonly Pod[], signal: AbortSignal): Promise<void> {
    const live = new Set(pods.flatMap(({ metadata }) => metadata.labels?.[REVISION_HASH] ?? []));
    const surplus = surplusRevisions(old, set.spec.revisionHistoryLimit ?? HISTORY_LIMIT, live);
    for (const revision of surplus) await this.#delete(revision, signal);
  }

  async #make(set: DaemonSet, { number }: Revisions, signal: AbortSignal): Promise<ControllerRevision> {
    const { template } = set.spec;
    const wanted = newRevision(set, this.#kind, template, number, set.status.collisionCount ?? 0);
    try {
      return await this.#writer.create(wanted, signal);
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
    const { namespace = '', name = '' } = wanted.metadata;
    const known = await this.#writer.get(namespace, name, signal);
    // made before, and not seen yet
    if (holds(known, template)) return known;
    const fresh = await this.#sets.get(namespace, set.metadata.name ?? '', signal);
    if (fresh.status.collisionCount === set.status.collisionCount) {
      const collisionCount = (fresh.status.collisionCount ?? 0) + 1;
      await this.#sets.updateStatus({ ...fresh, status: { ...fresh.status, collisionCount } }, signal);
    }
    // another name comes with the count that the store shows next
    throw conflictError({ group: 'apps', resource: 'controllerrevisions' }, name);
  }

  /** Several revisions of one template become one: their pods get its label first. */
  async #join(
    kept: ControllerRevision,
    duplicates: readonly ControllerRevision[],
    pods: readonly Pod[],
    signal: AbortSignal,
  ): Promise<void> {
    if (duplicates.length === 0) return;
    const hashes = new Set(duplicates.map(hashOf));
    for (const { metadata } of pods.filter(pod => hashes.has(pod.metadata.labels?.[REVISION_HASH] ?? ''))) {
      const { namespace = '', name = '', uid } = metadata;
      const patch = { metadata: { uid, labels: { [REVISION_HASH]: hashOf(kept) } } };
      await this.#pods.patch({ namespace, name }, 'merge', patch, signal).catch(ignoreGone);
    }
    for (const revision of duplicates) await this.#delete(revision, signal);
  }

  async #delete({ metadata }: ControllerRevision, signal: AbortSignal): Promise<void> {
    const { namespace = '', name = '', uid } = metadata;
    await this.#writer
      .delete(namespace, name, uid === undefined ? {} : { preconditions: { uid } }, signal)
      .catch(ignoreGone);
  }
}

function ignoreGone(error: unknown): void {
  if (!isNotFound(error)) throw error;
}
