import { encodeObject } from '../../api/encode/encode-object.ts';
import { builtinTable } from '../../api/schema/builtin.ts';
import { conflictError, invalidError } from '../../api/status.ts';
import type { Scale } from '../../api/types/gen/autoscaling-v1.ts';
import { entriesAfterScale, scaleEntries } from '../apply/scale-fields.ts';
import type { ApiResponse } from '../http.ts';
import type { RequestContext } from '../pipeline/context.ts';
import { type Scalable, scaleOf, validateScale, withScale } from '../resources/scale.ts';
import type { ApiObject } from '../resources/strategy.ts';
import { readConfig } from './apply-config.ts';
import { inNamespace, writeOptions } from './create.ts';
import { FieldTracker } from './field-tracker.ts';
import type { HandlerContext, WriteOptions } from './handler-context.ts';
import { managerOf } from './managed-write.ts';
import { mergeConfig } from './merge-config.ts';
import { APPLY_PATCH, type PatchKind, patchedObject, patchKind, readPatch } from './patch.ts';
import { readObject } from './read-body.ts';
import { plainResponse } from './represent.ts';
import type { ServedResource } from './served-resource.ts';
import { named } from './update.ts';
import { updateObject } from './write-object.ts';
import { isForced } from './write-parameters.ts';

type ScaleObject = Scale & ApiObject;
/** What is made of the scale that is there. */
type ScaleChange = (before: ScaleObject) => ScaleObject | Promise<ScaleObject>;

/** GET, PUT and PATCH of …/scale. */
export async function scaleObject(
  handlers: HandlerContext,
  served: ServedResource,
  context: RequestContext,
): Promise<ApiResponse> {
  const { namespace, name, verb } = context.info;
  const type = builtinTable.struct('autoscaling/v1.Scale');
  if (verb === 'get') {
    const entry = await served.cache.get(served.key(namespace, name), { signal: context.signal });
    return plainResponse(context, type, scaleOf(entry.object as Scalable));
  }
  const kind = verb === 'patch' ? patchKind(context) : undefined;
  const options = writeOptions(context, kind === APPLY_PATCH);
  const change = await (kind === APPLY_PATCH
    ? appliedScale(handlers, served, context, options)
    : sentScale(handlers, served, context, options, kind));
  const scaledObject = async (old: ApiObject): Promise<ApiObject> => {
    const { managedFields } = old.metadata;
    const entries = scaleEntries(managedFields, served.apiVersion);
    const before = scaleOf(old as Scalable);
    const scale = await change({ ...before, metadata: { ...before.metadata, managedFields: entries } } as ScaleObject);
    const { metadata, ...rest } = scaled(served, old, scale);
    const { managedFields: _, ...others } = metadata;
    const after = entriesAfterScale(managedFields, scale.metadata.managedFields, served.apiVersion);
    return { ...rest, metadata: after === undefined ? others : { ...others, managedFields: after } } as ApiObject;
  };
  const request = { namespace, name, rules: served.strategy, change: scaledObject, tracked: 'by-change' } as const;
  const written = await updateObject(handlers, served, request, options);
  return plainResponse(
    context,
    type,
    scaleOf((written.kind === 'stored' ? written.entry.object : written.object) as Scalable),
  );
}

let scaleTracker: FieldTracker | undefined;

/** A scale is no resource, and written in one version alone. */
function trackerOfScales(): FieldTracker {
  const type = builtinTable.struct('autoscaling/v1.Scale');
  scaleTracker ??= new FieldTracker({ group: 'autoscaling', version: 'v1', kind: 'Scale', type }, { fieldResets: [] });
  return scaleTracker;
}

async function appliedScale(
  handlers: HandlerContext,
  served: ServedResource,
  context: RequestContext,
  options: WriteOptions,
): Promise<ScaleChange> {
  const config = await readConfig(handlers, context);
  const applying = { ...managerOf(handlers.clock, options), force: isForced(context.request.query) };
  return before => {
    const merged = mergeConfig(trackerOfScales(), before, config, applying, object => object);
    return inNamespace(named(merged, context.info.name), served, context.info.namespace) as ScaleObject;
  };
}

async function sentScale(
  handlers: HandlerContext,
  served: ServedResource,
  context: RequestContext,
  options: WriteOptions,
  patchedBy: PatchKind | undefined,
): Promise<ScaleChange> {
  const type = builtinTable.struct('autoscaling/v1.Scale');
  const { name, namespace } = context.info;
  const tracked = (before: ScaleObject, scale: ApiObject): ScaleObject =>
    trackerOfScales().track(
      before,
      inNamespace(scale, served, namespace),
      managerOf(handlers.clock, options),
    ) as ScaleObject;
  if (patchedBy !== undefined) {
    const patch = await readPatch(context, patchedBy);
    return async before =>
      tracked(before, await patchedObject<ScaleObject>(context, type, encodeObject(type, before), patch));
  }
  const kind = { type, apiVersion: 'autoscaling/v1', kind: 'Scale' };
  const sent = named(await readObject<ScaleObject>(handlers, context, kind), name);
  return before => tracked(before, sent);
}

function scaled(served: ServedResource, old: ApiObject, scale: Scale): ApiObject {
  const errors = validateScale(scale);
  if (errors.length > 0) throw invalidError({ group: 'autoscaling', kind: 'Scale' }, scale.metadata.name ?? '', errors);
  const { name = '', uid = '' } = scale.metadata;
  if (uid !== '' && uid !== old.metadata.uid)
    throw conflictError(
      { ...served.groupResource, resource: `${served.resource.plural}/scale` },
      name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid ?? ''}`,
    );
  return withScale(old as Scalable, scale);
}
