import { builtinTable } from '../../api/schema/builtin.ts';
import { successStatus } from '../../api/status.ts';
import type { Binding, Pod } from '../../api/types/gen/core-v1.ts';
import { admit } from '../admission/plugin.ts';
import type { ApiResponse } from '../http.ts';
import type { RequestContext } from '../pipeline/context.ts';
import { bindPod, checkBinding } from '../resources/core/pod/binding.ts';
import type { ApiObject } from '../resources/strategy.ts';
import { inNamespace, writeOptions } from './create.ts';
import type { HandlerContext } from './handler-context.ts';
import { readObject } from './read-body.ts';
import { plainResponse } from './represent.ts';
import type { ServedResource } from './served-resource.ts';
import { updateAsIs } from './update-as-is.ts';
import { admissionRequest, strategyContext } from './write-object.ts';

/** POST …/pods/{name}/binding, and POST …/bindings with the name in the body. */
export async function bind(
  handlers: HandlerContext,
  pods: ServedResource,
  context: RequestContext,
): Promise<ApiResponse> {
  const body = await readObject<Binding>(handlers, context, {
    type: builtinTable.struct('core/v1.Binding'),
    apiVersion: 'v1',
    kind: 'Binding',
  });
  const { namespace } = context.info;
  const binding = inNamespace(body as unknown as ApiObject, pods, namespace) as unknown as Binding;
  const name = context.info.name === '' ? (binding.metadata.name ?? '') : context.info.name;
  checkBinding(binding, name);
  const options = { ...writeOptions(context), subresource: context.info.subresource };
  const objects = { object: binding, oldObject: undefined };
  const asked = admissionRequest(pods, 'CREATE', { namespace, name }, objects, options);
  const admission = {
    ...asked,
    kind: 'Binding',
    ...(context.info.subresource === '' ? { resource: 'bindings' } : {}),
  };
  const admitted = (await admit(handlers.admission, admission, context.signal)) as Binding;
  const { uid = '', resourceVersion = '' } = admitted.metadata;
  const change = (old: ApiObject): ApiObject =>
    bindPod(old as unknown as Pod, admitted, strategyContext(handlers, options)) as unknown as ApiObject;
  await updateAsIs(handlers, pods, { namespace, name, change, preconditions: { uid, resourceVersion } }, options);
  return plainResponse(context, builtinTable.struct('meta/v1.Status'), { ...successStatus({}), code: 201 }, 201);
}
