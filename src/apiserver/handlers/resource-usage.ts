import { formatDuration } from '../../api/duration.ts';
import { encodeObject } from '../../api/encode/encode-object.ts';
import { addQuantities, formatQuantity, quantityOf } from '../../api/quantity.ts';
import { apiVersionOf } from '../../api/schema/kinds.ts';
import { resourceType } from '../../api/schema/resources/registry.ts';
import type { ApiResource } from '../../api/schema/resources/resource.ts';
import { type FieldSelector, fieldSelectorParameter } from '../../api/selectors/field-selector.ts';
import { labelSelectorParameter } from '../../api/selectors/label-selector.ts';
import { methodNotAllowedError, methodNotSupportedError, notFoundError } from '../../api/status.ts';
import type { Node, Pod } from '../../api/types/gen/core-v1.ts';
import type { NodeMetrics, PodMetrics } from '../../api/types/gen/metrics-v1beta1.ts';
import type { ApiResponse } from '../http.ts';
import type { Lister } from '../lister.ts';
import type { RequestContext } from '../pipeline/context.ts';
import type { NodeUsages } from '../resource-usage/node-usages.ts';
import type { Usage } from '../resource-usage/usage.ts';
import { column, NAME } from '../resources/cells.ts';
import type { ApiObject, Columns } from '../resources/strategy.ts';
import type { HandlerContext } from './handler-context.ts';
import type { ObjectShape } from './object-shape.ts';
import { objectListResponse, objectResponse } from './represent.ts';

/** Where metrics.k8s.io comes from. */
export interface UsageSource {
  readonly nodes: Lister<Node>;
  readonly pods: Lister<Pod>;
  readonly usages: NodeUsages;
}

const GROUP = 'metrics.k8s.io';

/** metrics-server's columns; a pod has the sum of its containers. */
const COLUMNS: Columns<ApiObject> = {
  definitions: [
    NAME,
    column('cpu', { format: 'quantity' }),
    column('memory', { format: 'quantity' }),
    column('Window', { format: 'duration' }),
  ],
  cells(object) {
    const { metadata, window, ...rest } = object as ApiObject & (NodeMetrics | PodMetrics);
    const usages = 'containers' in rest ? rest.containers.map(({ usage }) => usage) : [rest.usage];
    const total = (name: string): string => usages.map(usage => usage[name] ?? '0').reduce(addQuantities, '0');
    return [metadata.name ?? '', total('cpu'), total('memory'), window];
  },
};

/**
 * GET of what nodes or pods use, one or all: their kubelets are asked while the client waits. Pods and nodes of which nothing is known are left out of lists. They cannot be
 * watched.
 */
export async function resourceUsage(
  { usage: source, clock }: Pick<HandlerContext, 'usage' | 'clock'>,
  resource: ApiResource,
  context: RequestContext,
): Promise<ApiResponse> {
  const { info, request } = context;
  if (info.verb === 'watch') throw methodNotSupportedError({ group: GROUP, resource: resource.plural }, 'watch');
  if ((info.verb !== 'get' && info.verb !== 'list') || info.subresource !== '') throw methodNotAllowedError();
  const shape = shapeOf(resource);
  const now = new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
  const of = resource.plural === 'nodes' ? nodeMetrics : podMetrics;
  if (info.verb === 'get') {
    const [found] = await of(source, one(source, resource, info), now);
    if (found !== undefined) return objectResponse(context, shape, found);
    const name = info.namespace === '' ? info.name : `${info.namespace}/${info.name}`;
    throw notFoundError({ group: GROUP, resource: resource.kind.toLowerCase() }, name);
  }
  const labels = labelSelectorParameter(request.query.get('labelSelector'));
  const fields = fieldSelectorParameter(request.query.get('fieldSelector'), new Set(resource.selectableFields));
  const all: readonly ApiObject[] =
    resource.plural === 'nodes' ? source.nodes.list('') : source.pods.list(info.namespace);
  const chosen = all.filter(each => labels.matches(each.metadata.labels ?? {}) && matchesFields(fields, each));
  return objectListResponse(context, shape, await of(source, chosen, now), {});
}

/** The object whose usage is wanted. Throws 404 as the object's own resource does; metrics-server knows of no pods but those that run. */
function one(
  { nodes, pods }: UsageSource,
  { plural }: ApiResource,
  { namespace, name }: RequestContext['info'],
): readonly ApiObject[] {
  const pod = plural === 'pods' ? pods.get(namespace, name) : undefined;
  const found: ApiObject | undefined = plural === 'nodes' ? nodes.get('', name) : isRunning(pod) ? pod : undefined;
  if (found === undefined) throw notFoundError({ group: '', resource: plural }, name);
  return [found];
}

function isRunning(pod: Pod | undefined): boolean {
  return pod?.status?.phase === 'Running';
}

function matchesFields(fields: FieldSelector, { metadata }: ApiObject): boolean {
  return fields.matches(field =>
    field === 'metadata.name' ? metadata.name : field === 'metadata.namespace' ? metadata.namespace : undefined,
  );
}

async function nodeMetrics(
  { usages }: UsageSource,
  nodes: readonly ApiObject[],
  now: string,
): Promise<readonly ApiObject[]> {
  const known = await usages.of(nodes as readonly Node[]);
  return nodes.flatMap(({ metadata }): ApiObject[] => {
    const usage = known.get(metadata.name ?? '')?.node;
    if (usage === undefined) return [];
    const metrics: NodeMetrics = {
      kind: 'NodeMetrics',
      apiVersion: `${GROUP}/v1beta1`,
      metadata: { name: metadata.name, labels: metadata.labels, creationTimestamp: now },
      ...spanOf(usage),
      usage: usageOf(usage),
    };
    return [metrics];
  });
}

/** Of pods that run; their nodes alone are asked. */
async function podMetrics(
  { nodes, usages }: UsageSource,
  pods: readonly ApiObject[],
  now: string,
): Promise<readonly ApiObject[]> {
  const running = (pods as readonly Pod[]).filter(isRunning);
  const names = new Set(running.map(({ spec }) => spec.nodeName ?? ''));
  const known = await usages.of([...names].flatMap(name => nodes.get('', name) ?? []));
  return running.flatMap(({ metadata, spec }): ApiObject[] => {
    const containers = known.get(spec.nodeName ?? '')?.pods.get(`${metadata.namespace}/${metadata.name}`);
    // the span is that of the container that was read first
    const [first] = [...(containers?.values() ?? [])].sort((a, b) => a.at - b.at);
    if (containers === undefined || first === undefined) return [];
    const metrics: PodMetrics = {
      kind: 'PodMetrics',
      apiVersion: `${GROUP}/v1beta1`,
      metadata: {
        name: metadata.name,
        namespace: metadata.namespace,
        labels: metadata.labels,
        creationTimestamp: now,
      },
      ...spanOf(first),
      containers: [...containers].map(([name, usage]) => ({ name, usage: usageOf(usage) })),
    };
    return [metrics];
  });
}

function spanOf({ at, windowMs }: Usage): { readonly timestamp: string; readonly window: string } {
  const timestamp = new Date(at).toISOString().replace(/\.\d+Z$/, 'Z');
  return { timestamp, window: formatDuration(BigInt(Math.round(windowMs)) * 1_000_000n) };
}

function usageOf({ nanoCores, memoryBytes }: Usage): { readonly cpu: string; readonly memory: string } {
  return {
    cpu: formatQuantity({ nano: BigInt(nanoCores), format: 'DecimalSI' }),
    memory: quantityOf(BigInt(Math.round(memoryBytes)), 'BinarySI'),
  };
}

function shapeOf(resource: ApiResource): ObjectShape {
  const type = resourceType(resource);
  return {
    resource,
    type,
    apiVersion: apiVersionOf(resource),
    strategy: { columns: COLUMNS },
    fromStored: object => object,
    jsonOf: object => encodeObject(type, object),
  };
}
