import { encodeObject } from '../../api/encode/encode-object.ts';
import { resourceType } from '../../api/schema/resources/registry.ts';
import type { ApiResource } from '../../api/schema/resources/resource.ts';
import { fieldSelectorParameter } from '../../api/selectors/field-selector.ts';
import { labelSelectorParameter } from '../../api/selectors/label-selector.ts';
import { methodNotAllowedError, methodNotSupportedError, notFoundError } from '../../api/status.ts';
import type { ComponentStatus } from '../../api/types/gen/core-v1.ts';
import type { ComponentCheck } from '../component-health.ts';
import type { ApiResponse } from '../http.ts';
import type { RequestContext } from '../pipeline/context.ts';
import { column, NAME } from '../resources/cells.ts';
import type { ApiObject, Columns } from '../resources/strategy.ts';
import type { ObjectShape } from './object-shape.ts';
import { objectListResponse, objectResponse } from './represent.ts';

const COLUMNS: Columns<ApiObject> = {
  definitions: [NAME, column('Status'), column('Message'), column('Error')],
  cells(object) {
    const condition = (object as ComponentStatus).conditions?.find(({ type }) => type === 'Healthy');
    const status = condition === undefined ? 'Unknown' : condition.status === 'True' ? 'Healthy' : 'Unhealthy';
    return [object.metadata.name ?? '', status, condition?.message ?? '', condition?.error ?? ''];
  },
};

/** GET of componentstatuses and of one of them: the components are asked while the client waits, all at once. They cannot be watched. */
export async function componentStatuses(
  checks: ReadonlyMap<string, ComponentCheck>,
  resource: ApiResource,
  context: RequestContext,
): Promise<ApiResponse> {
  const { info, request, signal } = context;
  if (info.verb === 'watch') throw methodNotSupportedError({ group: '', resource: resource.plural }, 'watch');
  if (info.verb !== 'get' && info.verb !== 'list') throw methodNotAllowedError();
  context.warnings.add('v1 ComponentStatus is deprecated in v1.19+');
  const shape = shapeOf(resource);
  if (info.verb === 'get') {
    const check = checks.get(info.name);
    if (check === undefined) throw notFoundError({ group: '', resource: 'componentstatus' }, info.name);
    return objectResponse(context, shape, await statusOf(info.name, check, signal));
  }
  const labels = labelSelectorParameter(request.query.get('labelSelector'));
  const fields = fieldSelectorParameter(request.query.get('fieldSelector'), new Set(resource.selectableFields));
  const chosen = [...checks].filter(
    ([name]) => labels.matches({}) && fields.matches(field => (field === 'metadata.name' ? name : undefined)),
  );
  const statuses = await Promise.all(chosen.map(([name, check]) => statusOf(name, check, signal)));
  return objectListResponse(context, shape, statuses, {});
}

async function statusOf(name: string, check: ComponentCheck, signal: AbortSignal): Promise<ApiObject> {
  const status: ComponentStatus = {
    kind: 'ComponentStatus',
    apiVersion: 'v1',
    metadata: { name },
    conditions: [{ type: 'Healthy', ...(await check(signal)) }],
  };
  return status;
}

function shapeOf(resource: ApiResource): ObjectShape {
  const type = resourceType(resource);
  return {
    resource,
    type,
    apiVersion: 'v1',
    strategy: { columns: COLUMNS },
    fromStored: object => object,
    jsonOf: object => encodeObject(type, object),
  };
}
