import { generatedName } from '../../api/generated-name.ts';
import { badRequestError, generateNameConflictError, invalidError } from '../../api/status.ts';
import { required } from '../../api/validation/field-error.ts';
import { TimeSlice } from '../../base/time-slice.ts';
import { admitMutating, admitValidating } from '../admission/plugin.ts';
import type { ApiObject } from '../resources/strategy.ts';
import { keyExists, storageFault } from '../storage/errors.ts';
import { claimRightsErrors } from './claim-rights.ts';
import { checkEscalation } from './escalation.ts';
import type { HandlerContext, WriteOptions } from './handler-context.ts';
import { isTooLarge, managerOf, withoutManagers } from './managed-write.ts';
import type { ServedResource } from './served-resource.ts';
import { checkSignerRights } from './signer-rights.ts';
import { WriteCompanions } from './write-companions.ts';
import { admissionRequest, strategyContext, timeToLive } from './write-object.ts';
import type { Written } from './written.ts';

const NAME_TRIES = 8;

/** Creates an object that has its defaults: its writer manages all its fields. Goes on as `createManaged`. */
export async function createObject(
  handlers: HandlerContext,
  served: ServedResource,
  object: ApiObject,
  options: WriteOptions,
): Promise<Written> {
  const { deletionTimestamp, deletionGracePeriodSeconds, ...metadata } = object.metadata;
  const tracker = served.tracker(served.strategy);
  const managed = tracker.track(undefined, { ...object, metadata }, managerOf(handlers.clock, options));
  try {
    return await createManaged(handlers, served, managed, options);
  } catch (error) {
    if (!isTooLarge(error)) throw error;
    return createManaged(handlers, served, withoutManagers(managed), options);
  }
}

/**
 * Creates an object that has its defaults and managers: name, admission, the rules of the kind, allocation, storage. A generated name that is taken is
 * generated again, eight times at most.
 */
export async function createManaged(
  handlers: HandlerContext,
  served: ServedResource,
  object: ApiObject,
  options: WriteOptions,
): Promise<Written> {
  const { generateName = '', name = '' } = object.metadata;
  if (name !== '' || generateName === '') return createNamed(handlers, served, object, options);
  let attempt = '';
  for (let tries = 0; tries < NAME_TRIES; tries += 1) {
    attempt = generatedName(generateName);
    try {
      const named = { ...object, metadata: { ...object.metadata, name: attempt } };
      return await createNamed(handlers, served, named, options);
    } catch (error) {
      if (storageFault(error) !== 'exists') throw error;
    }
  }
  throw generateNameConflictError(served.groupResource, attempt, 1);
}

async function createNamed(
  handlers: HandlerContext,
  served: ServedResource,
  object: ApiObject,
  options: WriteOptions,
): Promise<Written> {
  const { strategy } = served;
  const { signal } = options;
  const { name = '', namespace = '', resourceVersion = '' } = object.metadata;
  if (name === '')
    throw invalidError(served.groupKind, '', [required('metadata.name', 'name or generateName is required')]);
  if (resourceVersion !== '') throw badRequestError('resourceVersion should not be set on objects to be created');
  const request = admissionRequest(served, 'CREATE', { namespace, name }, { object, oldObject: undefined }, options);
  // Every step takes long for an object of megabytes: others are served between them.
  const slice = new TimeSlice(signal);
  const admitted = (await admitMutating(handlers.admission, request, signal)) as ApiObject;
  await slice.breathe();
  const context = strategyContext(handlers, options);
  const prepared = strategy.prepareForCreate(admitted, context);
  await slice.breathe();
  const errors = [
    ...(await claimRightsErrors(handlers, served, prepared, undefined, options)),
    ...strategy.validate(prepared, context),
  ];
  if (errors.length > 0) throw invalidError(served.groupKind, name, errors);
  await slice.breathe();
  for (const warning of strategy.warnings(prepared)) options.warn(warning);
  const valid = strategy.canonicalize(prepared);
  checkEscalation(handlers, served, valid, undefined, options.user);
  checkSignerRights(handlers, served, valid, undefined, options);
  await slice.breathe();
  await admitValidating(handlers.admission, { ...request, object: valid }, signal);
  await slice.breathe();
  const companions = new WriteCompanions(handlers, served, signal);
  try {
    for (;;) {
      signal.throwIfAborted();
      const { object: whole, together } = await companions.decide(request, valid, undefined);
      if (options.dryRun) {
        await refuseTaken(served, served.key(namespace, name), signal);
        return { kind: 'dry', object: whole };
      }
      const create = { ttlSeconds: timeToLive(served), together, signal };
      try {
        const stored = await served.storage.create(served.key(namespace, name), served.encode(whole), create);
        return { kind: 'stored', entry: served.entry(stored) };
      } catch (error) {
        if (!companions.learn(error)) throw error;
      }
    }
  } finally {
    companions.end();
  }
}

/** A dry run is refused what the store would refuse. Throws `exists`. */
async function refuseTaken(served: ServedResource, key: string, signal: AbortSignal): Promise<void> {
  try {
    await served.storage.get(key, { signal });
  } catch (error) {
    if (storageFault(error) === 'not-found') return;
    throw error;
  }
  throw keyExists(key);
}
