import type { DeleteOptions, ObjectMeta, OwnerReference, PartialObjectMetadata } from '../../api/types/gen/meta-v1.ts';
import { isNotFound } from '../../base/errors.ts';
import { type Outcome, SETTLED, waitFor } from '../../base/outcome.ts';
import { aborted } from '../../base/signals.ts';
import { isStatusReasonError } from '../../client/answer-error.ts';
import { type ServedKind, servedKinds } from '../../client/discovery.ts';
import { runInformer } from '../../client/informer.ts';
import { ObjectStore } from '../../client/object-store.ts';
import type { Reconciler } from '../../client/reconcile.ts';
import { ResourceClient } from '../../client/resource-client.ts';
import type { ControllerParts, ControllerRow } from '../controller.ts';
import { type Attempt, DependencyGraph, type GraphNode, ORPHAN_FINALIZER } from './graph.ts';
import { type Identity, identityOf, identityText, type KindName } from './identity.ts';
import { kindName } from './kinds.ts';
import { Monitors } from './monitors.ts';
import {
  type Decision,
  decide,
  decideWaiting,
  isLeaving,
  isSameButNewer,
  nextLookMs,
  type OwnerFound,
  ownerState,
  type Policy,
  type ReferencesPatch,
  withoutBlocking,
  withoutFinalizer,
  withoutReferences,
} from './plan.ts';

/** Deletes what no owner keeps any more, and does for owners that are deleted what their finalizers ask for. */
export const garbageCollector: ControllerRow = {
  name: 'garbage-collector-controller',
  alias: 'garbagecollector',
  // all kinds that discovery tells of, by their metadata
  inputs: [],
  outputs: [],
  workers: 20,
  make: parts => new GarbageCollector(parts),
};

/** How many dependents lose their reference to an owner at a time. */
const ORPHANS_AT_A_TIME = 20;

/** A kind that nobody serves, now: it may come, or a reference is wrong. */
class UnknownKind extends Error {}
/** A reference that can never be right: nothing without a namespace has an owner in one. */
class NamespacedOwner extends Error {}

interface Place {
  readonly client: ResourceClient<PartialObjectMetadata>;
  readonly namespace: string;
}

class GarbageCollector implements Reconciler {
  readonly name = garbageCollector.name;
  readonly #parts: ControllerParts;
  readonly #graph = new DependencyGraph();
  readonly #monitors: Monitors;

  constructor(parts: ControllerParts) {
    const { connection, clock, log } = parts;
    this.#parts = parts;
    this.#monitors = new Monitors({
      discover: signal => servedKinds(connection, signal),
      watch: (kind, signal, onSynced) => this.#watch(kind, signal, onSynced),
      onGone: kind => this.#attempt(this.#graph.unwatch(kind)),
      clock,
      onTrouble: message => log.warn(message),
    });
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#monitors.run(signal);
  }

  async reconcile(key: string, signal: AbortSignal): Promise<Outcome> {
    // who does not know all dependents yet would orphan some of them, and forget the others
    if (!this.#monitors.isSynced) await Promise.race([this.#monitors.synced, aborted(signal)]);
    const [kind, uid = ''] = key.split(' ');
    const node = this.#graph.get(uid);
    if (signal.aborted || node === undefined) return SETTLED;
    try {
      if (kind === 'orphan') await this.#orphan(node, signal);
      else await this.#collect(node, signal);
    } catch (error) {
      if (error instanceof NamespacedOwner) return SETTLED;
      if (error instanceof UnknownKind) return this.#lookLater(node, error.message);
      throw error;
    }
    if (this.#graph.get(uid) === node && node.virtual) return this.#lookLater(node, 'no watch has told of it yet');
    node.looks = 0;
    return SETTLED;
  }

  #lookLater(node: GraphNode, because: string): Outcome {
    node.looks += 1;
    return waitFor(nextLookMs(node.looks), because);
  }

  #watch(kind: ServedKind, signal: AbortSignal, onSynced: () => void): Promise<void> {
    const { connection, clock, log } = this.#parts;
    const name = kindName(kind);
    return runInformer<PartialObjectMetadata>(
      {
        client: new ResourceClient(connection, kind.id, { metadataOnly: true }),
        store: new ObjectStore(),
        keep: onlyWhatCounts,
        onChange: ({ before, after }) => {
          if (after !== undefined) this.#attempt(this.#graph.observe(name, before?.metadata, after.metadata));
          else if (before !== undefined) this.#attempt(this.#graph.remove(name, before.metadata));
        },
        clock,
        random: Math.random,
        onTrouble: message => log.warn(message),
      },
      signal,
      onSynced,
    );
  }

  #attempt(attempts: readonly Attempt[]): void {
    for (const attempt of attempts) {
      if (attempt.kind === 'tell') this.#tell(attempt.dependent, attempt.owner);
      else this.#parts.enqueue(`${attempt.kind} ${attempt.uid}`);
    }
  }

  #tell({ apiVersion, kind, namespace, name, uid }: Identity, owner: OwnerReference): void {
    const metadata = { name, uid, ...(namespace === '' ? {} : { namespace }) };
    const said = identityText(identityOf(owner, { name: owner.name, uid: owner.uid, namespace }));
    const message = `ownerRef ${said} does not exist in namespace ${JSON.stringify(namespace)}`;
    this.#parts.events.record(
      { apiVersion, kind, object: { metadata } },
      'Warning',
      'OwnerRefInvalidNamespace',
      message,
    );
  }

  async #collect(node: GraphNode, signal: AbortSignal): Promise<void> {
    if (isLeaving(node)) return;
    const { identity } = node;
    const live = await this.#get(identity, identity.namespace, signal);
    if (live === undefined || live.uid !== identity.uid) return this.#attempt(this.#graph.disprove(identity));
    const decision = node.deletingDependents
      ? decideWaiting(node)
      : decide(node, live, await this.#ownersOf(node, live.ownerReferences ?? [], signal));
    await this.#unlessGone(identity, () => this.#carryOut(decision, identity, live, signal));
  }

  /** An object may go at any time; that is as if it had not been found before. */
  async #unlessGone(identity: Identity, write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (error) {
      if (!isNotFound(error)) throw error;
      this.#attempt(this.#graph.disprove(identity));
    }
  }

  async #ownersOf(node: GraphNode, references: readonly OwnerReference[], signal: AbortSignal): Promise<OwnerFound[]> {
    const { namespace } = node.identity;
    const found: OwnerFound[] = [];
    for (const reference of references) {
      if (this.#graph.absent.has(reference, namespace)) {
        found.push({ reference, state: 'dangling' });
        continue;
      }
      const place = this.#placeOf(reference, namespace);
      const state = ownerState(reference, await read(place, reference.name, signal));
      if (state === 'dangling')
        this.#graph.absent.add(identityOf(reference, { ...reference, namespace: place.namespace }));
      found.push({ reference, state });
    }
    return found;
  }

  async #carryOut(decision: Decision, identity: Identity, live: ObjectMeta, signal: AbortSignal): Promise<void> {
    if (decision.act !== 'keep' && decision.act !== 'look')
      this.#parts.log.debug({ object: identityText(identity), ...decision }, 'collects');
    switch (decision.act) {
      case 'keep':
        return;
      case 'look':
        return this.#attempt(decision.uids.map(uid => ({ kind: 'collect', uid })));
      case 'unreference':
        await this.#patch(identity, withoutReferences(identity.uid, decision.uids), signal);
        return;
      case 'finalize':
        return this.#finalize(identity, live, decision.finalizer, signal);
      case 'delete': {
        const now = decision.unblocks ? await this.#patch(identity, withoutBlocking(live), signal) : live;
        await this.#delete(identity, now, decision.policy, signal);
      }
    }
  }

  async #orphan(owner: GraphNode, signal: AbortSignal): Promise<void> {
    const { identity } = owner;
    const dependents = [...owner.dependents].map(dependent => dependent.identity);
    for (let at = 0; at < dependents.length; at += ORPHANS_AT_A_TIME)
      await Promise.all(
        dependents.slice(at, at + ORPHANS_AT_A_TIME).map(async dependent => {
          try {
            await this.#patch(dependent, withoutReferences(dependent.uid, [identity.uid]), signal);
          } catch (error) {
            if (!isNotFound(error)) throw error;
          }
        }),
      );
    const live = await this.#get(identity, identity.namespace, signal);
    if (live?.uid !== identity.uid) return;
    await this.#unlessGone(identity, () => this.#finalize(identity, live, ORPHAN_FINALIZER, signal));
  }

  async #finalize(identity: Identity, live: ObjectMeta, finalizer: string, signal: AbortSignal): Promise<void> {
    const patch = withoutFinalizer(live, finalizer);
    const { client, namespace } = this.#placeOf(identity, identity.namespace);
    if (patch !== undefined) await client.patch({ namespace, name: identity.name }, 'merge', patch, signal);
  }

  /** Only this very object, and only as its owners were looked at. */
  async #delete(identity: Identity, seen: ObjectMeta, policy: Policy, signal: AbortSignal): Promise<void> {
    const { client, namespace } = this.#placeOf(identity, identity.namespace);
    const { uid, name } = identity;
    const remove = async (preconditions: DeleteOptions['preconditions']): Promise<void> => {
      await client.delete(namespace, name, { preconditions, propagationPolicy: policy }, signal);
    };
    try {
      await remove({ uid, resourceVersion: seen.resourceVersion });
    } catch (error) {
      if (!isStatusReasonError(error, 'Conflict')) throw error;
      const now = await client.get(namespace, name, signal);
      // what is written all the time (a lease, a status) would never be collected otherwise
      if (!isSameButNewer(seen, now.metadata)) throw error;
      await remove({ uid });
    }
  }

  async #patch(identity: Identity, patch: ReferencesPatch, signal: AbortSignal): Promise<ObjectMeta> {
    const { client, namespace } = this.#placeOf(identity, identity.namespace);
    const target = { namespace, name: identity.name };
    try {
      return (await client.patch(target, 'strategic', patch.strategic, signal)).metadata;
    } catch (error) {
      // custom resources take no strategic patch
      if (!isStatusReasonError(error, 'UnsupportedMediaType')) throw error;
      const live = await client.get(namespace, identity.name, signal);
      return (await client.patch(target, 'merge', patch.merge(live.metadata), signal)).metadata;
    }
  }

  #get(identity: Identity, namespace: string, signal: AbortSignal): Promise<ObjectMeta | undefined> {
    return read(this.#placeOf(identity, namespace), identity.name, signal);
  }

  #placeOf(name: KindName, namespace: string): Place {
    const kind = this.#monitors.find(name);
    if (kind === undefined) throw new UnknownKind(`the kind ${name.apiVersion}/${name.kind} is not served`);
    if (kind.namespaced && namespace === '')
      throw new NamespacedOwner(`${name.apiVersion}/${name.kind} is in a namespace, and what refers to it is not`);
    const client = new ResourceClient<PartialObjectMetadata>(this.#parts.connection, kind.id, { metadataOnly: true });
    return { client, namespace: kind.namespaced ? namespace : '' };
  }
}

/** Undefined where there is none. */
async function read({ client, namespace }: Place, name: string, signal: AbortSignal): Promise<ObjectMeta | undefined> {
  try {
    return (await client.get(namespace, name, signal)).metadata;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Labels, annotations and managed fields of a whole cluster are a lot, and tell nothing here. */
function onlyWhatCounts({ metadata }: PartialObjectMetadata): PartialObjectMetadata {
  const { name, namespace, uid, resourceVersion, ownerReferences, finalizers, deletionTimestamp } = metadata;
  return { metadata: { name, namespace, uid, resourceVersion, ownerReferences, finalizers, deletionTimestamp } };
}
