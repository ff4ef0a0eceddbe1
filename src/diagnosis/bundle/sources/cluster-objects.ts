import { errorCode, errorMessage } from '../../../base/errors.ts';
import { withDeadline } from '../../../base/signals.ts';
import type { ApiObject, ResourceId } from '../../../client/api-object.ts';
import { ApiConnection } from '../../../client/connection.ts';
import type { ApiEndpoint } from '../../../client/kubeconfig.ts';
import { ResourceClient } from '../../../client/resource-client.ts';
import type { BundleItem, BundleSource } from '../item.ts';

/** Never Secrets, and no kind whose objects are made of them. */
const KINDS: readonly ResourceId[] = [
  ...[
    'nodes',
    'namespaces',
    'pods',
    'services',
    'endpoints',
    'events',
    'persistentvolumes',
    'persistentvolumeclaims',
  ].map(plural => ({ group: '', version: 'v1', plural })),
  ...['deployments', 'replicasets', 'statefulsets', 'daemonsets'].map(plural => ({
    group: 'apps',
    version: 'v1',
    plural,
  })),
  { group: 'batch', version: 'v1', plural: 'jobs' },
  { group: 'batch', version: 'v1', plural: 'cronjobs' },
  { group: 'discovery.k8s.io', version: 'v1', plural: 'endpointslices' },
  { group: 'networking.k8s.io', version: 'v1', plural: 'networkpolicies' },
  { group: 'networking.k8s.io', version: 'v1', plural: 'ingresses' },
  { group: 'policy', version: 'v1', plural: 'poddisruptionbudgets' },
  { group: 'coordination.k8s.io', version: 'v1', plural: 'leases' },
  { group: 'storage.k8s.io', version: 'v1', plural: 'storageclasses' },
  { group: 'node.k8s.io', version: 'v1', plural: 'runtimeclasses' },
  { group: 'apiregistration.k8s.io', version: 'v1', plural: 'apiservices' },
];
const CONFIG_MAPS = ['kubeadm-config', 'kubelet-config', 'kube-proxy'];
/** One page is in memory at a time. */
const PAGE = 100;
const MOST_PAGES = 20;
const CALL_MS = 8000;

/** Objects of the cluster, as far as whoever asks may see them: an admin all, a kubelet its Node and its pods. */
export function clusterObjects(endpoint: () => ApiEndpoint, nodeName: string, isAdmin: boolean): BundleSource {
  return {
    what: 'objects of the cluster',
    timeoutMs: 90_000,
    async *items(signal) {
      const connection = new ApiConnection(endpoint(), { userAgent: 'gantry-support-bundle' });
      try {
        const answer = await connection.call({ method: 'GET', path: '/readyz?verbose', signal, timeoutMs: CALL_MS });
        yield { path: 'cluster/readyz.txt', text: answer.body.toString('utf8') };
        if (isAdmin) {
          for (const id of KINDS) yield* listed(connection, id, {}, signal);
          for (const name of CONFIG_MAPS) yield await configMap(connection, name, signal);
        } else {
          const [nodes, pods] = [core('nodes'), core('pods')];
          yield* listed(connection, nodes, { fieldSelector: `metadata.name=${nodeName}` }, signal);
          yield* listed(connection, pods, { fieldSelector: `spec.nodeName=${nodeName}` }, signal);
          yield* listed(connection, core('services'), {}, signal);
          yield { path: 'cluster', missing: 'other objects are for admins alone: make a bundle on a control plane' };
        }
      } finally {
        connection.close();
      }
    },
  };
}

function core(plural: string): ResourceId {
  return { group: '', version: 'v1', plural };
}

async function* listed(
  connection: ApiConnection,
  id: ResourceId,
  query: { readonly fieldSelector?: string },
  signal: AbortSignal,
): AsyncGenerator<BundleItem> {
  const client = new ResourceClient<ApiObject>(connection, id);
  const base = `cluster/${id.plural}`;
  let from = '';
  try {
    for (let page = 1; page <= MOST_PAGES; page += 1) {
      const path = page === 1 ? `${base}.json` : `${base}-${page}.json`;
      const asked = { ...query, limit: PAGE, ...(from === '' ? {} : { continue: from }) };
      const list = await withDeadline(CALL_MS, `${id.plural} of the API server`, signal, within =>
        client.list('', asked, within),
      );
      from = list.metadata.continue ?? '';
      const isLast = page === MOST_PAGES && from !== '';
      yield { path, document: { items: list.items }, ...(isLast ? { cut: 'there are more of them' } : {}) };
      if (from === '') return;
    }
  } catch (error) {
    signal.throwIfAborted();
    // a server that is away is that for all kinds
    if (errorCode(error) === 'unavailable') throw error;
    yield { path: `${base}.json`, missing: errorMessage(error) };
  }
}

async function configMap(connection: ApiConnection, name: string, signal: AbortSignal): Promise<BundleItem> {
  const path = `cluster/configmap-${name}.json`;
  try {
    const client = new ResourceClient<ApiObject>(connection, core('configmaps'));
    const document = await withDeadline(CALL_MS, `the config map ${name}`, signal, within =>
      client.get('kube-system', name, within),
    );
    return { path, document };
  } catch (error) {
    signal.throwIfAborted();
    return { path, missing: errorMessage(error) };
  }
}
