import { encodeObject } from '../../api/encode/encode-object.ts';
import { builtinTable } from '../../api/schema/builtin.ts';
import { labelSelectorOf } from '../../api/selectors/label-selector.ts';
import { conflictError, invalidError } from '../../api/status.ts';
import type { Scale } from '../../api/types/gen/autoscaling-v1.ts';
import type { LabelSelector } from '../../api/types/gen/meta-v1.ts';
import { invalid } from '../../api/validation/field-error.ts';
import type { ApiResponse } from '../http.ts';
import type { RequestContext } from '../pipeline/context.ts';
import type { ApiObject } from '../resources/strategy.ts';
import { writeOptions } from './create.ts';
import type { HandlerContext } from './handler-context.ts';
import { patchedObject, readPatch } from './patch.ts';
import { readObject } from './read-body.ts';
import { plainResponse } from './represent.ts';
import type { ServedResource } from './served-resource.ts';
import { named } from './update.ts';
import { updateObject } from './write-object.ts';

/** As much of a workload as its scale shows. */
interface Scalable extends ApiObject {
  readonly spec: {
    readonly replicas?: number;
    readonly selector?: LabelSelector | Readonly<Record<string, string>>;
  };
  readonly status?: { readonly replicas?: number };
}

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
    return plainResponse(context, type, scaleOf(served, entry.object));
  }
  const change = await scaleChange(served, context);
  const request = { namespace, name, rules: served.strategy, change };
  const written = await updateObject(handlers, served, request, writeOptions(context));
  return plainResponse(
    context,
    type,
    scaleOf(served, written.kind === 'stored' ? written.entry.object : written.object),
  );
}

async function scaleChange(served: ServedResource, context: RequestContext): Promise<(old: ApiObject) => ApiObject> {
  const type = builtinTable.struct('autoscaling/v1.Scale');
  if (context.info.verb === 'patch') {
    const patch = await readPatch(context);
    return old => {
      const before = encodeObject(type, scaleOf(served, old));
      return scaled(served, old, patchedObject<Scale>(context, type, before, patch));
    };
  }
  const kind = { type, apiVersion: 'autoscaling/v1', kind: 'Scale' };
  const scale = named(await readObject<Scale & ApiObject>(context, kind), context.info.name) as Scale & ApiObject;
  return old => scaled(served, old, scale);
}

function scaled(served: ServedResource, old: ApiObject, scale: Scale): ApiObject {
  const { name = '', resourceVersion = '' } = scale.metadata;
  if (resourceVersion !== '' && resourceVersion !== old.metadata.resourceVersion)
    throw conflictError(served.groupResource, name);
  const replicas = scale.spec.replicas ?? 0;
  if (replicas < 0)
    throw invalidError({ group: 'autoscaling', kind: 'Scale' }, name, [
      invalid('spec.replicas', replicas, 'must be greater than or equal to 0'),
    ]);
  const workload = old as Scalable;
  return { ...workload, spec: { ...workload.spec, replicas } } as ApiObject;
}

function scaleOf(served: ServedResource, object: ApiObject): Scale {
  const { metadata, spec, status } = object as Scalable;
  const { name, namespace, uid, resourceVersion, creationTimestamp } = metadata;
  const selector = selectorText(served, spec.selector);
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: spec.replicas ?? 0 },
    status: { replicas: status?.replicas ?? 0, ...(selector === '' ? {} : { selector }) },
  };
}

function selectorText(served: ServedResource, selector: Scalable['spec']['selector']): string {
  if (selector === undefined) return '';
  if (served.resource.plural !== 'replicationcontrollers')
    return labelSelectorOf(selector as LabelSelector)?.toString() ?? '';
  return labelSelectorOf({ matchLabels: selector as Readonly<Record<string, string>> })?.toString() ?? '';
}
