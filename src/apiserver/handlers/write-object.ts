import { randomUUID } from 'node:crypto';
import { randomSuffix } from '../../api/generated-name.ts';
import { conflictError, invalidError } from '../../api/status.ts';
import { timeOf } from '../../api/time.ts';
import { invalid } from '../../api/validation/field-error.ts';
import { TimeSlice } from '../../base/time-slice.ts';
import { type AdmissionRequest, admitMutating, admitValidating } from '../admission/plugin.ts';
import type { ApiObject, StrategyContext, UpdateRules } from '../resources/strategy.ts';
import { storageFault } from '../storage/errors.ts';
import type { Preconditions, StoredObject } from '../storage/storage.ts';
import { claimRightsErrors } from './claim-rights.ts';
import { checkEscalation } from './escalation.ts';
import type { HandlerContext, WriteOptions } from './handler-context.ts';
import { isTooLarge, keepManagedTimes, managerOf, withoutManagers } from './managed-write.ts';
import type { ServedResource } from './served-resource.ts';
import { checkSignerRights } from './signer-rights.ts';
import { WriteCompanions } from './write-companions.ts';
import type { Written } from './written.ts';

export function strategyContext(
  handlers: HandlerContext,
  options: Pick<WriteOptions, 'user' | 'warn'>,
): StrategyContext {
  const now = timeOf(handlers.clock.now());
  return { now, user: options.user, newUid: randomUUID, randomSuffix, warn: options.warn };
}

/** Seconds that objects of a kind last, 0 for ever. Upstream's --event-ttl: events vanish after an hour. */
export function timeToLive(served: ServedResource): number {
  return served.resource.plural === 'events' ? 3600 : 0;
}

/** Throws when the last finalizer of an object that is being deleted went away: it is deleted, not written. */
class LastFinalizerGone extends Error {
  readonly current: StoredObject;
  readonly object: ApiObject;

  constructor(current: StoredObject, object: ApiObject) {
    super('the last finalizer went away');
    this.current = current;
    this.object = object;
  }
}

export interface UpdateRequest {
  readonly namespace: string;
  readonly name: string;
  readonly rules: UpdateRules<ApiObject>;
  /** The new object, with its defaults, made from the stored one. May be called several times. */
  readonly change: (old: ApiObject) => ApiObject | Promise<ApiObject>;
  readonly preconditions?: Preconditions;
  /** Whether the writer's fields are tracked here; a change may have seen to that itself, or leave managers as they are. */
  readonly tracked: 'here' | 'by-change';
  /** True where admission has looked at what led to this change, as the kind that it came as. */
  readonly isAdmitted?: boolean;
}

/**
 * Changes an object: what `change` makes of it, admission, the rules, storage; again from the start when somebody else wrote in between, and without
 * managers where with them it would be too large to store.
 */
export async function updateObject(
  handlers: HandlerContext,
  served: ServedResource,
  request: UpdateRequest,
  options: WriteOptions,
): Promise<Written> {
  try {
    return await updateManaged(handlers, served, request, options);
  } catch (error) {
    if (request.tracked !== 'here' || !isTooLarge(error)) throw error;
    const change = async (old: ApiObject): Promise<ApiObject> => withoutManagers(await request.change(old));
    return updateManaged(handlers, served, { ...request, change, tracked: 'by-change' }, options);
  }
}

async function updateManaged(
  handlers: HandlerContext,
  served: ServedResource,
  request: UpdateRequest,
  options: WriteOptions,
): Promise<Written> {
  const companions = new WriteCompanions(handlers, served, options.signal);
  try {
    if (options.dryRun) return await dryUpdate(handlers, served, request, options, companions);
    for (;;) {
      options.signal.throwIfAborted();
      try {
        const written = await storeUpdate(handlers, served, request, options, companions);
        if (written !== undefined) return written;
      } catch (error) {
        if (!companions.learn(error)) throw error;
      }
    }
  } finally {
    companions.end();
  }
}

async function dryUpdate(
  handlers: HandlerContext,
  served: ServedResource,
  request: UpdateRequest,
  options: WriteOptions,
  companions: WriteCompanions,
): Promise<Written> {
  const current = await served.storage.get(served.key(request.namespace, request.name), { signal: options.signal });
  const old = served.decode(current);
  const next = await nextObject(handlers, served, request, options, old);
  const { object } = await companions.decide(next.admission, next.object, old);
  return { kind: 'dry', object };
}

/** Undefined where it is to be tried again. */
async function storeUpdate(
  handlers: HandlerContext,
  served: ServedResource,
  request: UpdateRequest,
  options: WriteOptions,
  companions: WriteCompanions,
): Promise<Written | undefined> {
  const key = served.key(request.namespace, request.name);
  const origin = served.cache.peek(key);
  const { signal } = options;
  try {
    const stored = await served.storage.update(
      key,
      async current => {
        if (current === undefined) throw new Error('an update without a stored object');
        const old = served.decode(current);
        const next = await nextObject(handlers, served, request, options, old);
        const { object, together } = await companions.decide(next.admission, next.object, old);
        if (endsDeletion(object, old)) throw new LastFinalizerGone(current, object);
        return { value: served.encode(object), ttlSeconds: timeToLive(served), together };
      },
      {
        signal,
        ...(origin === undefined ? {} : { origin }),
        ...(request.preconditions === undefined ? {} : { preconditions: request.preconditions }),
      },
    );
    return { kind: 'stored', entry: served.entry(stored) };
  } catch (error) {
    if (!(error instanceof LastFinalizerGone)) throw error;
    const { current, object } = error;
    const together = await companions.release(served.decode(current));
    const preconditions = { resourceVersion: String(current.revision) };
    try {
      await served.storage.delete(key, { preconditions, together, signal });
      return { kind: 'dry', object };
    } catch (failure) {
      if (storageFault(failure) !== 'precondition') throw failure;
      return undefined;
    }
  }
}

async function nextObject(
  handlers: HandlerContext,
  served: ServedResource,
  request: UpdateRequest,
  options: WriteOptions,
  old: ApiObject,
): Promise<{ readonly object: ApiObject; readonly admission: AdmissionRequest }> {
  const { name, namespace, rules } = request;
  const slice = new TimeSlice(options.signal);
  const changed = await request.change(old);
  await slice.breathe();
  const wanted =
    request.tracked === 'here'
      ? served.tracker(rules).track(old, changed, managerOf(handlers.clock, options))
      : changed;
  await slice.breathe();
  checkIdentity(served, wanted, old, name);
  const admission = admissionRequest(
    served,
    'UPDATE',
    { namespace, name },
    { object: wanted, oldObject: old },
    options,
  );
  const plugins = request.isAdmitted === true ? [] : handlers.admission;
  const admitted = (await admitMutating(plugins, admission, options.signal)) as ApiObject;
  const versioned = {
    ...admitted,
    metadata: {
      ...admitted.metadata,
      namespace: old.metadata.namespace,
      resourceVersion: old.metadata.resourceVersion,
    },
  };
  const context = strategyContext(handlers, options);
  const prepared = keepManagedTimes(served.storedType, rules.prepareForUpdate(versioned, old, context), old);
  await slice.breathe();
  const errors = [
    ...(await claimRightsErrors(handlers, served, prepared, old, options)),
    ...rules.validateUpdate(prepared, old, context),
  ];
  if (errors.length > 0) throw invalidError(served.groupKind, name, errors);
  await slice.breathe();
  for (const warning of rules.warningsOnUpdate(prepared, old)) options.warn(warning);
  const valid = served.strategy.canonicalize(prepared);
  checkEscalation(handlers, served, valid, old, options.user);
  checkSignerRights(handlers, served, valid, old, options);
  await slice.breathe();
  await admitValidating(plugins, { ...admission, object: valid }, options.signal);
  await slice.breathe();
  return { object: valid, admission };
}

/** Refuses an object that was made from another version, or of another life, than the stored one. */
function checkIdentity(served: ServedResource, wanted: ApiObject, old: ApiObject, name: string): void {
  const { resourceVersion = '', uid = '' } = wanted.metadata;
  if (uid !== '' && uid !== old.metadata.uid)
    throw conflictError(
      served.groupResource,
      name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid ?? ''}`,
    );
  if (resourceVersion === '' || resourceVersion === '0') {
    if (served.strategy.unconditionalUpdate) return;
    throw invalidError(served.groupKind, name, [
      invalid('metadata.resourceVersion', 0, 'must be specified for an update'),
    ]);
  }
  if (resourceVersion !== old.metadata.resourceVersion) throw conflictError(served.groupResource, name);
}

function endsDeletion(object: ApiObject, old: ApiObject): boolean {
  if (old.metadata.deletionTimestamp === undefined || (object.metadata.finalizers ?? []).length > 0) return false;
  if ((old.metadata.deletionGracePeriodSeconds ?? 0) !== 0) return false;
  return namespaceFinalizers(object) === 0;
}

/** Namespaces have finalizers of their own in their spec. */
export function namespaceFinalizers(object: ApiObject): number {
  if (object.kind !== 'Namespace') return 0;
  const { spec } = object as ApiObject & { readonly spec?: { readonly finalizers?: readonly string[] } };
  return spec?.finalizers?.length ?? 0;
}

export function admissionRequest(
  served: ServedResource,
  operation: AdmissionRequest['operation'],
  target: { readonly namespace: string; readonly name: string },
  objects: Pick<AdmissionRequest, 'object' | 'oldObject'>,
  options: WriteOptions,
): AdmissionRequest {
  const { group, version, kind, plural } = served.resource;
  return {
    operation,
    user: options.user,
    group,
    version,
    kind,
    resource: plural,
    subresource: options.subresource,
    ...target,
    ...objects,
    dryRun: options.dryRun,
    warn: text => options.warn(text),
  };
}
