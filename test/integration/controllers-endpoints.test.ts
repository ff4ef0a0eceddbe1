import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Endpoints, Event, Node, Pod, Service, ServiceAccount } from '../../src/api/types/gen/core-v1.ts';
import type { EndpointSlice } from '../../src/api/types/gen/discovery-v1.ts';
import { ApiConnection } from '../../src/client/connection.ts';
import { readKubeconfig } from '../../src/client/kubeconfig.ts';
import { ResourceClient } from '../../src/client/resource-client.ts';
import {
  ENDPOINT_SLICES,
  ENDPOINTS,
  EVENTS,
  NODES,
  PODS,
  SERVICE_ACCOUNTS,
  SERVICES,
} from '../../src/controllers/resources.ts';
import { TestApiServer } from '../harness/api-server.ts';
import { TestControllerManager } from '../harness/controller-manager.ts';
import { waitFor } from '../harness/wait-for.ts';

const LAST_CHANGE = 'endpoints.kubernetes.io/last-change-trigger-time';
const READY_SINCE = '2026-01-01T00:00:00Z';

describe('endpoints', () => {
  let server: TestApiServer;
  let manager: TestControllerManager;
  let connection: ApiConnection;
  let nodes: ResourceClient<Node>;
  let pods: ResourceClient<Pod>;
  let services: ResourceClient<Service>;
  let endpoints: ResourceClient<Endpoints>;
  let slices: ResourceClient<EndpointSlice>;
  let events: ResourceClient<Event>;

  const service = (name: string, spec: object = {}): Promise<Service> =>
    services.create({
      metadata: { name, namespace: 'default', labels: { tier: name } },
      spec: { selector: { app: name }, ports: [{ port: 80, targetPort: 'web' }], ...spec },
    } as unknown as Service);

  /** A pod as a kubelet would have written it. */
  const pod = async (
    name: string,
    app: string,
    ip: string,
    { ready = true, port = 8080, more = {} } = {},
  ): Promise<void> => {
    const ports = [{ name: 'web', containerPort: port }];
    await pods.create({
      metadata: { name, namespace: 'default', labels: { app } },
      spec: { nodeName: 'node-a', containers: [{ name: 'c', image: 'registry.test/c:1', ports }], ...more },
    } as unknown as Pod);
    await setStatus(name, ip, ready);
  };

  const setStatus = (name: string, ip: string, ready: boolean, phase = 'Running'): Promise<Pod> => {
    const condition = { type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: READY_SINCE };
    return pods.patch({ namespace: 'default', name, subresource: 'status' }, 'strategic', {
      status: { phase, podIP: ip, podIPs: [{ ip }], conditions: [condition] },
    });
  };

  const slicesOf = async (name: string): Promise<readonly EndpointSlice[]> =>
    (await slices.list('default', { labelSelector: `kubernetes.io/service-name=${name}` })).items;

  /** `10.0.0.1:8080 ready`, … as slices show them. */
  const shownOf = (found: readonly EndpointSlice[]): string[] =>
    found
      .flatMap(({ endpoints: held, ports }) =>
        (held ?? []).map(({ addresses, conditions: { ready, serving, terminating } }) => {
          const states = [ready && 'ready', serving && 'serving', terminating && 'terminating'].filter(Boolean);
          return `${addresses[0]}:${ports[0]?.port} ${states.join(' ')}`.trim();
        }),
      )
      .toSorted();

  const shows = (name: string, ...expected: string[]): Promise<readonly EndpointSlice[]> =>
    waitFor(`the slices of ${name}`, async saw => {
      const found = await slicesOf(name);
      saw({ shown: shownOf(found), log: manager.log.slice(-400) });
      return JSON.stringify(shownOf(found)) === JSON.stringify(expected) && found.length > 0 ? found : undefined;
    });

  /** The addresses of Endpoints, those that are not ready with an exclamation mark. */
  const lists = (name: string, ...expected: string[]): Promise<Endpoints> =>
    waitFor(`the Endpoints of ${name}`, async saw => {
      const found = await endpoints.get('default', name);
      const shown = (found.subsets ?? []).flatMap(({ addresses = [], notReadyAddresses = [], ports = [] }) => [
        ...addresses.map(({ ip }) => `${ip}:${ports[0]?.port}`),
        ...notReadyAddresses.map(({ ip }) => `!${ip}:${ports[0]?.port}`),
      ]);
      saw({ shown, log: manager.log.slice(-400) });
      return JSON.stringify(shown.toSorted()) === JSON.stringify(expected) ? found : undefined;
    });

  beforeAll(async () => {
    server = await TestApiServer.start();
    const kubeconfig = server.kubeconfigFor('admin', ['system:masters']);
    connection = new ApiConnection(readKubeconfig(kubeconfig), { userAgent: 'gantry-test' });
    nodes = new ResourceClient<Node>(connection, NODES);
    pods = new ResourceClient<Pod>(connection, PODS);
    services = new ResourceClient<Service>(connection, SERVICES);
    endpoints = new ResourceClient<Endpoints>(connection, ENDPOINTS);
    slices = new ResourceClient<EndpointSlice>(connection, ENDPOINT_SLICES);
    events = new ResourceClient<Event>(connection, EVENTS);
    // one that is surely alone need not wait for the lease of one that was killed
    manager = await TestControllerManager.start(kubeconfig, ['--leader-elect=false']);
    const labels = { 'topology.kubernetes.io/zone': 'zone-a' };
    await nodes.create({ metadata: { name: 'node-a', labels } } as unknown as Node);
    const accounts = new ResourceClient<ServiceAccount>(connection, SERVICE_ACCOUNTS);
    await waitFor('the account that pods run as', () => accounts.get('default', 'default'));
  });

  afterAll(async () => {
    connection?.close();
    await manager?.stop();
    await server?.remove();
  });

  it('follow the pods of a service through their lives', async () => {
    await service('web', { trafficDistribution: 'PreferSameZone' });
    await shows('web');
    await pod('web-1', 'web', '10.0.0.1');
    await pod('web-2', 'web', '10.0.0.2', { ready: false });
    const [slice] = await shows('web', '10.0.0.1:8080 ready serving', '10.0.0.2:8080');
    await lists('web', '!10.0.0.2:8080', '10.0.0.1:8080');
    expect(slice?.metadata.name).toMatch(/^web-[a-z0-9]{5}$/);
    expect(slice?.metadata.labels).toEqual({
      tier: 'web',
      'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
      'kubernetes.io/service-name': 'web',
    });
    expect(slice?.endpoints[0]).toMatchObject({
      nodeName: 'node-a',
      zone: 'zone-a',
      hints: { forZones: [{ name: 'zone-a' }] },
      targetRef: { kind: 'Pod', name: 'web-1', namespace: 'default' },
    });
    await setStatus('web-2', '10.0.0.2', true);
    await shows('web', '10.0.0.1:8080 ready serving', '10.0.0.2:8080 ready serving');
    await pods.delete('default', 'web-1', { gracePeriodSeconds: 30 });
    await shows('web', '10.0.0.1:8080 serving terminating', '10.0.0.2:8080 ready serving');
    await lists('web', '10.0.0.2:8080');
    await setStatus('web-2', '10.0.0.2', false, 'Failed');
    await pods.delete('default', 'web-1', { gracePeriodSeconds: 0 });
    const left = await shows('web');
    expect(left.map(({ metadata }) => metadata.name)).toEqual([slice?.metadata.name]);
    await lists('web');
  });

  it('tell since when a change was to be seen', async () => {
    await service('timed');
    await shows('timed');
    await pod('timed-1', 'timed', '10.0.4.1');
    const [slice] = await shows('timed', '10.0.4.1:8080 ready serving');
    const { metadata } = await lists('timed', '10.0.4.1:8080');
    expect([slice?.metadata.annotations, metadata.annotations]).toEqual([
      { [LAST_CHANGE]: READY_SINCE },
      { [LAST_CHANGE]: READY_SINCE },
    ]);
  });

  it('move with the labels of pods and services', async () => {
    await service('left');
    await service('right');
    await pod('mover', 'left', '10.0.1.1');
    await shows('left', '10.0.1.1:8080 ready serving');
    await pods.patch({ namespace: 'default', name: 'mover' }, 'merge', { metadata: { labels: { app: 'right' } } });
    await shows('right', '10.0.1.1:8080 ready serving');
    await shows('left');
    const labels = { tier: 'other' };
    await services.patch({ namespace: 'default', name: 'right' }, 'merge', { metadata: { labels } });
    await waitFor('the slice to be labelled anew', async () => {
      const [slice] = await slicesOf('right');
      const { metadata } = await endpoints.get('default', 'right');
      return slice?.metadata.labels?.['tier'] === 'other' && metadata.labels?.['tier'] === 'other';
    });
  });

  it('have a slice for each set of ports, and wait for the node of a pod', async () => {
    await service('ports', { clusterIP: 'None' });
    await pod('ports-1', 'ports', '10.0.2.1');
    await pod('ports-2', 'ports', '10.0.2.2', { port: 9090, more: { hostname: 'second', subdomain: 'ports' } });
    const found = await shows('ports', '10.0.2.1:8080 ready serving', '10.0.2.2:9090 ready serving');
    expect(found).toHaveLength(2);
    expect(found[0]?.metadata.labels).toHaveProperty(['service.kubernetes.io/headless'], '');
    const { subsets = [] } = await lists('ports', '10.0.2.1:8080', '10.0.2.2:9090');
    expect(subsets.flatMap(({ addresses = [] }) => addresses.map(({ hostname }) => hostname))).toEqual([
      undefined,
      'second',
    ]);
    await pod('ports-3', 'ports', '10.0.2.3', { more: { nodeName: 'node-b' } });
    await lists('ports', '10.0.2.1:8080', '10.0.2.2:9090', '10.0.2.3:8080');
    const message =
      'Error updating Endpoint Slices for Service default/ports: skipping Pod ports-3 for Service default/ports: Node node-b Not Found';
    await waitFor('the event that tells of it', async () => {
      const { items } = await events.list('default', { fieldSelector: 'involvedObject.name=ports' });
      return items.some(event => event.reason === 'FailedToUpdateEndpointSlices' && event.message === message);
    });
    expect(shownOf(await slicesOf('ports'))).toHaveLength(2);
    await nodes.create({ metadata: { name: 'node-b' } } as unknown as Node);
    await shows('ports', '10.0.2.1:8080 ready serving', '10.0.2.2:9090 ready serving', '10.0.2.3:8080 ready serving');
  });

  it('of services without a selector are mirrored as they were written, and left alone otherwise', async () => {
    await service('custom', { selector: null, ports: [{ port: 80 }] });
    const written = await endpoints.create({
      metadata: { name: 'custom', namespace: 'default', annotations: { theirs: 'yes' } },
      subsets: [{ addresses: [{ ip: '10.1.2.3' }], notReadyAddresses: [{ ip: 'fd00::3' }], ports: [{ port: 81 }] }],
    } as unknown as Endpoints);
    const [slice] = await shows('custom', '10.1.2.3:81 ready', 'fd00::3:81');
    expect(slice?.metadata.annotations).toEqual({ theirs: 'yes' });
    expect(slice?.metadata.labels).toHaveProperty(
      ['endpointslice.kubernetes.io/managed-by'],
      'endpointslicemirroring-controller.k8s.io',
    );
    const skip = { 'endpointslice.kubernetes.io/skip-mirror': 'true' };
    const patch = (labels: object): Promise<Endpoints> =>
      endpoints.patch({ namespace: 'default', name: 'custom' }, 'merge', { metadata: { labels } });
    await patch(skip);
    await waitFor('the mirror to go', async () => (await slicesOf('custom')).length === 0);
    const after = await patch({ 'endpointslice.kubernetes.io/skip-mirror': null });
    expect(after.subsets).toEqual(written.subsets);
    await shows('custom', '10.1.2.3:81 ready', 'fd00::3:81');
    await services.delete('default', 'custom');
    await waitFor('the mirror to go', async () => (await slicesOf('custom')).length === 0);
  });

  it('of the DNS service of the cluster are the nodes that are ready', async () => {
    await services.create({
      metadata: { name: 'kube-dns', namespace: 'kube-system' },
      spec: { ports: [{ name: 'dns', protocol: 'UDP', port: 53, targetPort: 10053 }] },
    } as unknown as Service);
    const say = (status: string): Promise<Node> =>
      nodes.patch({ namespace: '', name: 'node-a', subresource: 'status' }, 'strategic', {
        status: {
          addresses: [{ type: 'InternalIP', address: '192.0.2.1' }],
          conditions: [{ type: 'Ready', status, reason: 'Test' }],
        },
      });
    const dnsSlices = (...expected: string[]): Promise<readonly EndpointSlice[]> =>
      waitFor('the slices of kube-dns', async saw => {
        const { items } = await slices.list('kube-system', { labelSelector: 'kubernetes.io/service-name=kube-dns' });
        saw({ shown: shownOf(items), log: manager.log.slice(-400) });
        return JSON.stringify(shownOf(items)) === JSON.stringify(expected) && items.length > 0 ? items : undefined;
      });
    await say('True');
    await dnsSlices('192.0.2.1:10053 ready serving');
    await say('False');
    await dnsSlices();
    await manager.stop();
    await say('True');
    await slices.delete('kube-system', 'kube-dns-nodes-ipv4');
    await manager.start();
    await dnsSlices('192.0.2.1:10053 ready serving');
    await services.delete('kube-system', 'kube-dns');
  });

  it('are complete after kill -9 of their controllers, in slices of at most 100', async () => {
    await service('many');
    const addresses = Array.from({ length: 130 }, (_, i) => `10.0.3.${i + 1}`);
    await Promise.all(addresses.slice(0, 60).map((ip, i) => pod(`many-${i}`, 'many', ip)));
    await manager.stop();
    await Promise.all(addresses.slice(60).map((ip, i) => pod(`many-${60 + i}`, 'many', ip)));
    await manager.start();
    const found = await shows('many', ...addresses.map(ip => `${ip}:8080 ready serving`).toSorted());
    // how full each is depends on how far the first life came
    expect(found).toHaveLength(2);
    expect(Math.max(...found.map(({ endpoints: held }) => held.length))).toBeLessThanOrEqual(100);
    const present = await lists('many', ...addresses.map(ip => `${ip}:8080`).toSorted());
    const versions = [...found, present].map(({ metadata }) => metadata.resourceVersion);
    await manager.stop();
    await services.delete('default', 'right');
    await manager.start();
    await waitFor('Endpoints to go whose service went while nobody looked', async () =>
      (await endpoints.list('default')).items.every(({ metadata }) => metadata.name !== 'right'),
    );
    // a second life finds everything as it should be, and writes nothing
    const again = [...(await slicesOf('many')), await endpoints.get('default', 'many')];
    expect(again.map(({ metadata }) => metadata.resourceVersion)).toEqual(versions);
  });
});
