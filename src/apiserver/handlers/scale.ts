import { encodeObject } from '../../api/encode/encode-object.ts';
import { builtinTable } from '../../api/schema/builtin.ts';
import { conflictError, invalidError } from '../../api/status.ts';
import type { Scale } from '../../api/types/gen/autoscaling-v1.ts';
import type { ApiResponse } from '../http.ts';
import type { RequestContext } from '../pipeline/context.ts';
import { type Scalable, scaleOf, validateScale, withScale } from '../resources/scale.ts';
import type { ApiObject } from '../resources/strategy.ts';
import { inNamespace, writeOptions } from './create.ts';
import type { HandlerContext } from './handler-context.ts';
import { patchedObject, readPatch } from './patch.ts';
import { readObject } from './read-body.ts';
import { plainResponse } from './represent.ts';
import type { ServedResource } from './served-resource.ts';
import { named } from './update.ts';
import { updateObject } from './write-object.ts';

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
  const change = await scaleChange(handlers, served, context);
  const request = { namespace, name, rules: served.strategy, change };
  const written = await updateObject(handlers, served, request, writeOptions(context));
  return plainResponse(
    context,
    type,
    scaleOf((written.kind === 'stored' ? written.entry.object : written.object) as Scalable),
  );
}

async function scaleChange(
  handlers: HandlerContext,
  served: ServedResource,
  context: RequestContext,
): Promise<(old: ApiObject) => ApiObject | Promise<ApiObject>> {
  const type = builtinTable.struct('autoscaling/v1.Scale');
  const { name, namespace, verb } = context.info;
  if (verb === 'patch') {
    const patch = await readPatch(context);
    return async old => {
      const before = encodeObject(type, scaleOf(old as Scalable));
      const scale = await patchedObject<Scale & ApiObject>(context, type, before, patch);
      return scaled(served, old, inNamespace(scale, served, namespace) as Scale & ApiObject);
    };
  }
  const kind = { type, apiVersion: 'autoscaling/v1', kind: 'Scale' };
  const sent = named(await readObject<Scale & ApiObject>(handlers, context, kind), name);
  const scale = inNamespace(sent, served, namespace) as Scale & ApiObject;
  return old => scaled(served, old, scale);
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
