import { timeOf } from '../../api/time.ts';
import type { Namespace, Pod } from '../../api/types/gen/core-v1.ts';
import { errorMessage, isNotFound } from '../../base/errors.ts';
import { type Outcome, SETTLED, waitFor } from '../../base/outcome.ts';
import type { ApiObject, ResourceId } from '../../client/api-object.ts';
import { type Discovery, deletableInNamespaces } from '../../client/discovery.ts';
import { ResourceClient } from '../../client/resource-client.ts';
import type { ControllerParts, ControllerRow } from '../controller.ts';
import { NAMESPACES, PODS } from '../resources.ts';
import { endingConditions, type Findings, isEnding, type Leftover, nextLookMs, withoutFinalizer } from './plan.ts';

/** Empties namespaces that are deleted, pods first, and then lets them go. */
export const namespaceController: ControllerRow = {
  name: 'namespace-controller',
  inputs: [NAMESPACES, PODS],
  outputs: [NAMESPACES],
  workers: 10,
  make(parts) {
    const namespaces = parts.informed<Namespace>(NAMESPACES);
    namespaces.onChange(({ key, after }) => {
      if (after !== undefined && isEnding(after)) parts.enqueue(key);
    });
    // what else is left waits for finalizers, whose owners tell nobody; pods end by themselves, and mostly long before their time
    parts.informed<Pod>(PODS).onChange(({ before, after }) => {
      const { namespace = '' } = before?.metadata ?? {};
      const owner = after === undefined ? namespaces.store.get('', namespace) : undefined;
      if (owner !== undefined && isEnding(owner)) parts.enqueue(namespace);
    });
    return {
      name: this.name,
      reconcile: (name, signal) => {
        const namespace = namespaces.store.get('', name);
        return namespace === undefined || !isEnding(namespace)
          ? Promise.resolve(SETTLED)
          : end(parts, namespace, signal);
      },
    };
  },
};

async function end(parts: ControllerParts, namespace: Namespace, signal: AbortSignal): Promise<Outcome> {
  const client = parts.client<Namespace>(NAMESPACES);
  const name = namespace.metadata.name ?? '';
  const discovery = await deletableInNamespaces(client.connection, signal);
  const findings = await empty(client, discovery, name, signal);
  const present = namespace.status.conditions ?? [];
  const conditions = endingConditions(present, findings, timeOf(parts.clock.now()));
  try {
    const told =
      conditions === present
        ? namespace
        : await client.updateStatus({ ...namespace, status: { ...namespace.status, conditions } }, signal);
    // the watch brings the namespace again, and with it the next look
    if (findings.failures.length > 0 || findings.discoveryFailures.length > 0)
      return { kind: 'failed', error: new Error(`namespace ${name}: ${firstFailure(findings)}`) };
    if (findings.leftovers.length > 0) return waitFor(nextLookMs(findings), 'something is left in the namespace');
    await client.finalize(withoutFinalizer(told), signal);
    return SETTLED;
  } catch (error) {
    if (isNotFound(error)) return SETTLED;
    throw error;
  }
}

function firstFailure({ failures, discoveryFailures }: Findings): string {
  return failures[0]?.message ?? `discovery failed for ${discoveryFailures[0]}`;
}

/** Pods end before what they may need for it: their secrets, services and accounts (upstream's OrderedNamespaceDeletion). */
async function empty(
  client: ResourceClient<Namespace>,
  { resources, failures: discoveryFailures }: Discovery,
  namespace: string,
  signal: AbortSignal,
): Promise<Findings> {
  const isPods = (id: ResourceId): boolean => id.group === '' && id.plural === 'pods';
  const first = await emptyAll(client, resources.filter(isPods), namespace, signal);
  if (first.leftovers.length > 0 || first.failures.length > 0) return { ...first, discoveryFailures };
  const rest = await emptyAll(
    client,
    resources.filter(id => !isPods(id)),
    namespace,
    signal,
  );
  return { ...rest, discoveryFailures };
}

async function emptyAll(
  { connection }: ResourceClient<Namespace>,
  resources: readonly ResourceId[],
  namespace: string,
  signal: AbortSignal,
): Promise<Pick<Findings, 'leftovers' | 'failures'>> {
  const leftovers: Leftover[] = [];
  const failures: { resource: string; message: string }[] = [];
  await Promise.all(
    resources.map(async id => {
      const resource = id.group === '' ? id.plural : `${id.plural}.${id.group}`;
      try {
        const left = await emptyOne(new ResourceClient<ApiObject>(connection, id), resource, namespace, signal);
        if (left !== undefined) leftovers.push(left);
      } catch (error) {
        signal.throwIfAborted();
        failures.push({ resource, message: errorMessage(error) });
      }
    }),
  );
  return { leftovers, failures };
}

async function emptyOne(
  client: ResourceClient<ApiObject>,
  resource: string,
  namespace: string,
  signal: AbortSignal,
): Promise<Leftover | undefined> {
  const before = await client.list(namespace, {}, signal);
  if (before.items.length === 0) return undefined;
  await client.deleteCollection(namespace, {}, { propagationPolicy: 'Background' }, signal);
  const { items } = await client.list(namespace, {}, signal);
  if (items.length === 0) return undefined;
  const finalizers = new Map<string, number>();
  for (const finalizer of items.flatMap(item => item.metadata.finalizers ?? []))
    finalizers.set(finalizer, (finalizers.get(finalizer) ?? 0) + 1);
  const graceSeconds = Math.max(0, ...items.map(item => item.metadata.deletionGracePeriodSeconds ?? 0));
  return { resource, count: items.length, finalizers, graceSeconds };
}
