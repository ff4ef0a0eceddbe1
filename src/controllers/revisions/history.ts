import type { LabelSelector } from '../../api/selectors/label-selector.ts';
import { conflictError } from '../../api/status.ts';
import type { ControllerRevision } from '../../api/types/gen/apps-v1.ts';
import type { PodTemplateSpec } from '../../api/types/gen/core-v1.ts';
import { isAlreadyExists, isNotFound } from '../../base/errors.ts';
import type { ApiObject } from '../../client/api-object.ts';
import type { Informed } from '../../client/informers.ts';
import type { ResourceClient } from '../../client/resource-client.ts';
import type { ControllerParts } from '../controller.ts';
import { OwnedObjects, type OwnerKind } from '../pods/owned-objects.ts';
import { CONTROLLER_REVISIONS } from '../resources.ts';
import { holds, newRevision, type Revisions, sortRevisions, surplusRevisions } from './plan.ts';

/** --revision-history-limit unless the owner says it. */
const HISTORY_LIMIT = 10;

/** What has revisions: daemon sets and stateful sets. */
export interface TemplateOwner extends ApiObject {
  readonly spec: { readonly template: PodTemplateSpec; readonly revisionHistoryLimit?: number | undefined };
  readonly status: { readonly collisionCount?: number | undefined };
}

export interface History {
  readonly current: ControllerRevision;
  readonly old: readonly ControllerRevision[];
  /** Others of the present template. */
  readonly duplicates: readonly ControllerRevision[];
}

/** The revisions of the owners of one kind: each template that an owner has had. */
export class RevisionHistory<O extends TemplateOwner> {
  readonly #kind: OwnerKind;
  readonly #revisions: OwnedObjects<ControllerRevision, O>;
  readonly #writer: ResourceClient<ControllerRevision>;
  readonly #owners: ResourceClient<O>;

  constructor(
    parts: ControllerParts,
    kind: OwnerKind,
    owners: Informed<O>,
    ownerWriter: ResourceClient<O>,
    selectorOf: (owner: O) => LabelSelector | undefined,
  ) {
    this.#kind = kind;
    this.#writer = parts.client<ControllerRevision>(CONTROLLER_REVISIONS);
    this.#owners = ownerWriter;
    this.#revisions = new OwnedObjects<ControllerRevision, O>({
      objects: parts.informed<ControllerRevision>(CONTROLLER_REVISIONS),
      owners,
      kind,
      selectorOf,
      enqueue: key => parts.enqueue(key),
      writer: this.#writer,
    });
  }

  /** The present revision, made where there is none yet, with its number raised where it came back. Throws what the server says. */
  async of(owner: O, selector: LabelSelector, signal: AbortSignal): Promise<History> {
    const { namespace = '', name = '' } = owner.metadata;
    const fresh = () => this.#owners.get(namespace, name, signal);
    const all = await this.#revisions.claim(owner, selector, fresh, signal);
    const found = sortRevisions(all, owner.spec.template);
    const { old, duplicates } = found;
    const current = found.current ?? (await this.#make(owner, found, signal));
    if (current.revision >= found.number) return { current, old, duplicates };
    return { current: await this.#writer.update({ ...current, revision: found.number }, signal), old, duplicates };
  }

  /** Deletes what is too old, but nothing that somebody still needs. */
  async clean(
    owner: O,
    { old }: History,
    isLive: (revision: ControllerRevision) => boolean,
    signal: AbortSignal,
  ): Promise<void> {
    const surplus = surplusRevisions(old, owner.spec.revisionHistoryLimit ?? HISTORY_LIMIT, isLive);
    for (const revision of surplus) await this.delete(revision, signal);
  }

  /** One that is gone already is fine. */
  async delete({ metadata }: ControllerRevision, signal: AbortSignal): Promise<void> {
    const { namespace = '', name = '', uid } = metadata;
    await this.#writer
      .delete(namespace, name, uid === undefined ? {} : { preconditions: { uid } }, signal)
      .catch(error => {
        if (!isNotFound(error)) throw error;
      });
  }

  async #make(owner: O, { number }: Revisions, signal: AbortSignal): Promise<ControllerRevision> {
    const { template } = owner.spec;
    const wanted = newRevision(owner, this.#kind, template, number, owner.status.collisionCount ?? 0);
    try {
      return await this.#writer.create(wanted, signal);
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
    const { namespace = '', name = '' } = wanted.metadata;
    const known = await this.#writer.get(namespace, name, signal);
    // made before, and not seen yet
    if (holds(known, template)) return known;
    const fresh = await this.#owners.get(namespace, owner.metadata.name ?? '', signal);
    if (fresh.status.collisionCount === owner.status.collisionCount) {
      const collisionCount = (fresh.status.collisionCount ?? 0) + 1;
      await this.#owners.updateStatus({ ...fresh, status: { ...fresh.status, collisionCount } }, signal);
    }
    // another name comes with the count that the store shows next
    throw conflictError({ group: 'apps', resource: 'controllerrevisions' }, name);
  }
}
