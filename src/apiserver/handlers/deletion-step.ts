import { timeOf } from '../../api/time.ts';
import type { Pod } from '../../api/types/gen/core-v1.ts';
import type { DeleteOptions } from '../../api/types/gen/meta-v1.ts';
import { podGracePeriod } from '../resources/core/pod/deletion.ts';
import type { ApiObject, ResourceStrategy } from '../resources/strategy.ts';
import { finalizersForDeletion } from './dependents.ts';
import { namespaceFinalizers } from './write-object.ts';

export type DeletionStep =
  /** Nothing keeps the object. */
  | { readonly kind: 'remove' }
  /** It waits for its end: store it with the mark. */
  | { readonly kind: 'mark'; readonly object: ApiObject }
  /** It waits already, and what was asked for changes nothing. */
  | { readonly kind: 'pending' };

/** What a deletion has to know of a kind. */
export type DeletedKind = Pick<ResourceStrategy, 'dependents'> & {
  readonly resource: Pick<ResourceStrategy['resource'], 'kind'>;
};

/**
 * What a deletion does to an object now, `now` in milliseconds. Pods have a time to end in; a mark that stands is only ever moved forward: a shorter
 * period counts, a longer one does not, and a policy can be changed only once the time is up. Pure.
 */
export function decideDeletion(of: DeletedKind, object: ApiObject, options: DeleteOptions, now: number): DeletionStep {
  const isPod = of.resource.kind === 'Pod';
  const { metadata } = object;
  const left = metadata.deletionGracePeriodSeconds ?? 0;
  const since = metadata.deletionTimestamp;
  if (isPod && since !== undefined && left > 0) return shorten(of, object, options, now, since, left);
  const finalizers = finalizersForDeletion(metadata.finalizers ?? [], options, of.dependents);
  const grace = isPod && since === undefined ? podGracePeriod(object as unknown as Pod, options.gracePeriodSeconds) : 0;
  const isKept = finalizers.length > 0 || namespaceFinalizers(object) > 0;
  if (grace === 0 && !isKept) return { kind: 'remove' };
  const at = since === undefined || Date.parse(since) > now ? now + grace * 1000 : Date.parse(since);
  return { kind: 'mark', object: withMark(object, finalizers, at, grace) };
}

function shorten(
  of: DeletedKind,
  object: ApiObject,
  options: DeleteOptions,
  now: number,
  since: string,
  left: number,
): DeletionStep {
  const asked = options.gracePeriodSeconds;
  const wanted = asked === undefined ? left : asked < 0 ? 1 : asked;
  if (wanted >= left) return { kind: 'pending' };
  const finalizers = finalizersForDeletion(object.metadata.finalizers ?? [], options, of.dependents);
  const at = Date.parse(since) + (wanted - left) * 1000;
  // a node that has overslept ends the pod all the same
  const grace = at < now && wanted > 0 ? 1 : wanted;
  if (grace === 0 && finalizers.length === 0) return { kind: 'remove' };
  return { kind: 'mark', object: withMark(object, finalizers, Math.max(at, now), grace) };
}

function withMark(object: ApiObject, finalizers: readonly string[], atMs: number, grace: number): ApiObject {
  const { metadata } = object;
  const { generation } = metadata;
  const isNew = metadata.deletionTimestamp === undefined;
  const marked: ApiObject = {
    ...object,
    metadata: {
      ...metadata,
      finalizers,
      deletionTimestamp: timeOf(atMs),
      deletionGracePeriodSeconds: grace,
      ...(isNew && generation !== undefined && generation > 0 ? { generation: generation + 1 } : {}),
    },
  };
  return object.kind === 'Namespace' ? terminating(marked) : marked;
}

function terminating(object: ApiObject): ApiObject {
  const { status } = object as ApiObject & { readonly status?: object };
  return { ...object, status: { ...status, phase: 'Terminating' } } as ApiObject;
}
