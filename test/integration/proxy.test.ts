import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Node, Service } from '../../src/api/types/gen/core-v1.ts';
import type { EndpointSlice } from '../../src/api/types/gen/discovery-v1.ts';
import { ApiConnection } from '../../src/client/connection.ts';
import { readKubeconfig } from '../../src/client/kubeconfig.ts';
import { ResourceClient } from '../../src/client/resource-client.ts';
import { runCommand } from '../../src/linux/command.ts';
import { ENDPOINT_SLICES, NODES, SERVICES } from '../../src/proxy/resources.ts';
import { TestApiServer } from '../harness/api-server.ts';
import { NetnsAgent } from '../harness/netns-agent.ts';
import { TestNodeRole } from '../harness/node-role.ts';
import { connectPod, prepareNode } from '../harness/pod-links.ts';
import { PrivateNetns } from '../harness/private-netns.ts';
import { waitFor } from '../harness/wait-for.ts';

const NODE = 'node-a';
const NODE_IP = '192.168.0.2';
const NODE_IP6 = 'fd00:1::2';
const POD_GATEWAYS = ['10.244.0.1', 'fd00:244::1'];
const PODS = {
  one: { ip: '10.244.0.5', ip6: 'fd00:244::5' },
  two: { ip: '10.244.0.6', ip6: 'fd00:244::6' },
  client: { ip: '10.244.0.7', ip6: 'fd00:244::7' },
};
const OUTSIDE = '192.168.0.1';

/** A node as a network namespace, pods and somebody outside as others on links of it, the built API server and proxy within. */
describe('the service proxy', () => {
  let netns: PrivateNetns;
  let server: TestApiServer;
  let connection: ApiConnection;
  let services: ResourceClient<Service>;
  let slices: ResourceClient<EndpointSlice>;
  let proxy: TestNodeRole;
  const agents = {} as Record<'one' | 'two' | 'client' | 'outside', NetnsAgent>;

  const create = (name: string, spec: object): Promise<Service> =>
    services.create({
      metadata: { name, namespace: 'default' },
      spec: { ipFamilyPolicy: 'PreferDualStack', ports: [{ port: 80, targetPort: 8080 }], ...spec },
    } as unknown as Service);

  interface Backend {
    readonly pod: 'one' | 'two';
    readonly conditions?: object;
    readonly nodeName?: string;
  }

  /** The endpoints of a service, in a slice of each family. */
  const endpoints = async (service: string, backends: readonly Backend[], protocol = 'TCP'): Promise<void> => {
    for (const family of ['ip', 'ip6'] as const) {
      const name = `${service}-${family}`;
      const slice = {
        metadata: { name, namespace: 'default', labels: { 'kubernetes.io/service-name': service } },
        addressType: family === 'ip' ? 'IPv4' : 'IPv6',
        ports: [{ name: '', port: 8080, protocol }],
        endpoints: backends.map(({ pod, conditions = { ready: true }, nodeName = NODE }) => ({
          addresses: [PODS[pod][family]],
          conditions,
          nodeName,
        })),
      } as unknown as EndpointSlice;
      const known = await slices.list('default', { fieldSelector: `metadata.name=${name}` });
      if (known.items.length === 0) await slices.create(slice);
      else await slices.update(slice);
    }
  };

  /** Waits until a question gets what it should, each time. */
  const answers = (
    who: keyof typeof agents,
    host: string,
    port: number,
    expected: string,
    protocol: 'tcp' | 'udp' = 'tcp',
  ): Promise<boolean> =>
    waitFor(`${expected} at ${host} ${port}`, async saw => {
      const [answer = ''] = await agents[who].ask({ protocol, host, port, timeoutMs: 300 });
      saw({ answer, log: proxy.log.slice(-600) });
      return answer === expected;
    });

  const familyIp = (service: Service, family: 4 | 6): string =>
    service.spec.clusterIPs?.find(ip => ip.includes(':') === (family === 6)) ?? '';

  const ready = (): Promise<boolean> =>
    waitFor('the proxy to be ready', saw => {
      saw(proxy.log);
      return proxy.log.includes('"component":"proxy"');
    });

  beforeAll(async () => {
    netns = PrivateNetns.enter();
    prepareNode();
    for (const [name, { ip, ip6 }] of Object.entries(PODS)) {
      const path = netns.create(name);
      connectPod({ name: `veth-${name}`, netns: path, ips: [ip, ip6], gateways: POD_GATEWAYS });
      agents[name as keyof typeof PODS] = NetnsAgent.start(path);
    }
    const outside = netns.create('outside');
    connectPod({ name: 'eth-out', netns: outside, ips: [OUTSIDE, 'fd00:1::1'], gateways: [NODE_IP, NODE_IP6] });
    await runCommand('ip', ['route', 'add', 'default', 'via', OUTSIDE]);
    await runCommand('ip', ['-6', 'route', 'add', 'default', 'via', 'fd00:1::1']);
    agents.outside = NetnsAgent.start(outside);
    for (const pod of ['one', 'two'] as const)
      for (const protocol of ['tcp', 'udp'] as const) await agents[pod].listen(protocol, 8080, pod);

    server = await TestApiServer.start({ args: ['--service-cluster-ip-range=10.96.0.0/16,fd00:96::/112'] });
    const kubeconfig = server.kubeconfigFor('admin', ['system:masters']);
    connection = new ApiConnection(readKubeconfig(kubeconfig), { userAgent: 'gantry-test' });
    services = new ResourceClient<Service>(connection, SERVICES);
    slices = new ResourceClient<EndpointSlice>(connection, ENDPOINT_SLICES);
    const nodes = new ResourceClient<Node>(connection, NODES);
    await nodes.create({ metadata: { name: NODE } } as unknown as Node);
    await nodes.patch({ namespace: '', name: NODE, subresource: 'status' }, 'merge', {
      status: {
        addresses: [NODE_IP, NODE_IP6].map(address => ({ type: 'InternalIP', address })),
      },
    });
    const args = [`--kubeconfig=${kubeconfig}`, `--hostname-override=${NODE}`];
    proxy = new TestNodeRole('proxy', [...args, '--cluster-cidr=10.244.0.0/16,fd00:244::/64']);
    proxy.start();
    await ready();
  });

  afterAll(async () => {
    await proxy?.stop();
    connection?.close();
    await server?.remove();
    for (const agent of Object.values(agents)) await agent.stop();
    netns?.leave();
  });

  it('leads to every endpoint of a service, in both families, and pods keep their addresses', async () => {
    const service = await create('web', {});
    await endpoints('web', [{ pod: 'one' }, { pod: 'two' }]);
    for (const [family, from] of [
      [4, PODS.client.ip],
      [6, PODS.client.ip6],
    ] as const) {
      const host = familyIp(service, family);
      await waitFor('the service to answer', async () =>
        (await agents.client.ask({ protocol: 'tcp', host, port: 80, timeoutMs: 300 }))[0]?.includes(' '),
      );
      const seen = await agents.client.ask({ protocol: 'tcp', host, port: 80, times: 60 });
      expect([...new Set(seen)].sort()).toEqual([`one ${from}`, `two ${from}`]);
      expect(Math.min(...['one', 'two'].map(pod => seen.filter(text => text.startsWith(pod)).length))).toBeGreaterThan(
        10,
      );
    }
  });

  it('leads a pod to itself, with an address that answers find', async () => {
    const service = await create('self', {});
    await endpoints('self', [{ pod: 'one' }]);
    const host = familyIp(service, 4);
    await answers('one', host, 80, `one ${POD_GATEWAYS[0]}`);
  });

  it('serves udp, and refuses what is no port of the service at once', async () => {
    const service = await create('names', { ports: [{ port: 53, targetPort: 8080, protocol: 'UDP' }] });
    await endpoints('names', [{ pod: 'two' }], 'UDP');
    for (const family of [4, 6] as const) {
      const host = familyIp(service, family);
      await answers('client', host, 53, `two ${PODS.client[family === 4 ? 'ip' : 'ip6']}`, 'udp');
      await answers('client', host, 53, 'ECONNREFUSED');
    }
  });

  it('refuses at once where a service has no endpoints', async () => {
    const service = await create('nobody', { type: 'NodePort' });
    const nodePort = service.spec.ports?.[0]?.nodePort ?? 0;
    await answers('client', familyIp(service, 4), 80, 'ECONNREFUSED');
    await answers('client', familyIp(service, 6), 80, 'ECONNREFUSED');
    await answers('outside', NODE_IP, nodePort, 'ECONNREFUSED');
    await endpoints('nobody', [{ pod: 'one' }]);
    await answers('client', familyIp(service, 4), 80, `one ${PODS.client.ip}`);
    await endpoints('nobody', []);
    await answers('client', familyIp(service, 4), 80, 'ECONNREFUSED');
    await services.delete('default', 'nobody');
    await answers('outside', NODE_IP, nodePort, 'ECONNREFUSED');
  });

  it('answers node ports for others, with the address of the node, in both families', async () => {
    const service = await create('open', { type: 'NodePort' });
    await endpoints('open', [{ pod: 'one' }]);
    const nodePort = service.spec.ports?.[0]?.nodePort ?? 0;
    await answers('outside', NODE_IP, nodePort, `one ${POD_GATEWAYS[0]}`);
    await answers('outside', NODE_IP6, nodePort, `one ${POD_GATEWAYS[1]}`);
  });

  it('keeps addresses of others with policy Local, and drops where this node has no endpoint', async () => {
    const service = await create('kept', { type: 'NodePort', externalTrafficPolicy: 'Local' });
    await endpoints('kept', [{ pod: 'one' }, { pod: 'two', nodeName: 'node-b' }]);
    const nodePort = service.spec.ports?.[0]?.nodePort ?? 0;
    await answers('outside', NODE_IP, nodePort, `one ${OUTSIDE}`);
    const seen = await agents.outside.ask({ protocol: 'tcp', host: NODE_IP, port: nodePort, times: 20 });
    expect(new Set(seen)).toEqual(new Set([`one ${OUTSIDE}`]));
    await endpoints('kept', [{ pod: 'two', nodeName: 'node-b' }]);
    await answers('outside', NODE_IP, nodePort, 'timeout');
    await answers('client', NODE_IP, nodePort, `two ${PODS.client.ip}`);
  });

  it('keeps a client with its endpoint until the time is over or the endpoint gone, in both families', async () => {
    const affinity = { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 2 } } };
    const service = await create('sticky', affinity);
    for (const family of [4, 6] as const) {
      const host = familyIp(service, family);
      await endpoints('sticky', [{ pod: 'one' }, { pod: 'two' }]);
      const askOnce = async (): Promise<string> =>
        (await agents.client.ask({ protocol: 'tcp', host, port: 80, timeoutMs: 300 }))[0] ?? '';
      await waitFor('the service to answer', async () => (await askOnce()).includes(' '));
      const seen = await agents.client.ask({ protocol: 'tcp', host, port: 80, times: 30 });
      expect(new Set(seen).size).toBe(1);
      const other = seen[0]?.startsWith('one') ? 'two' : 'one';
      await waitFor('the other one, some time after the client was forgotten', async () => {
        const map = ['list', 'map', family === 4 ? 'ip' : 'ip6', 'gantry_proxy', 'service-affinity'];
        await waitFor('the client to be forgotten', async saw => {
          const { stdout } = await runCommand('nft', map);
          saw(stdout.toString());
          return !stdout.includes('elements');
        });
        return (await askOnce()).startsWith(other);
      });
      await endpoints('sticky', [{ pod: other === 'one' ? 'two' : 'one' }]);
      const ip = PODS.client[family === 4 ? 'ip' : 'ip6'];
      await answers('client', host, 80, `${other === 'one' ? 'two' : 'one'} ${ip}`);
    }
  });

  it('leads flows of udp on when their endpoint is gone, and refuses them when the last is', async () => {
    const service = await create('flow', { ports: [{ port: 53, targetPort: 8080, protocol: 'UDP' }] });
    await endpoints('flow', [{ pod: 'one' }], 'UDP');
    for (const family of [4, 6] as const) {
      const host = familyIp(service, family);
      // always from the same port: one flow to the kernel
      const led = (expected: string): Promise<boolean> =>
        waitFor(`${expected} of the flow to ${host}`, async saw => {
          const question = { protocol: 'udp', host, port: 53, timeoutMs: 200, localPort: 40_000 } as const;
          const [answer = ''] = await agents.client.ask(question);
          saw({ answer, log: proxy.log.slice(-400) });
          return answer.startsWith(expected);
        });
      await endpoints('flow', [{ pod: 'one' }], 'UDP');
      await led('one');
      await endpoints('flow', [{ pod: 'two' }], 'UDP');
      await led('two');
      await endpoints('flow', [], 'UDP');
      await led('ECONNREFUSED');
    }
  });

  it('answers the addresses of load balancers, and tells those whether to send to this node', async () => {
    const name = 'balanced';
    const service = await create(name, {
      type: 'LoadBalancer',
      externalTrafficPolicy: 'Local',
      loadBalancerSourceRanges: [`${OUTSIDE}/32`, 'fd00:1::/64'],
      ports: [{ port: 80, targetPort: 8080 }],
    });
    const ingress = [{ ip: '203.0.113.1' }];
    await services.patch({ namespace: 'default', name, subresource: 'status' }, 'merge', {
      status: { loadBalancer: { ingress } },
    });
    await endpoints(name, [{ pod: 'one' }]);
    await answers('outside', '203.0.113.1', 80, `one ${OUTSIDE}`);
    // in no source range
    await answers('client', '203.0.113.1', 80, 'timeout');

    const url = `http://${NODE_IP}:${service.spec.healthCheckNodePort}/`;
    const told = async (): Promise<unknown> => {
      const answer = await fetch(url);
      const weight = answer.headers.get('x-load-balancing-endpoint-weight');
      return { status: answer.status, weight, ...((await answer.json()) as object) };
    };
    const about = { service: { namespace: 'default', name }, serviceProxyHealthy: true };
    expect(await told()).toEqual({ status: 200, weight: '1', ...about, localEndpoints: 1 });
    await endpoints(name, [{ pod: 'one', nodeName: 'node-b' }]);
    await waitFor('no local endpoint to be told', async () => (await fetch(url)).status === 503);
    expect(await told()).toEqual({ status: 503, weight: '0', ...about, localEndpoints: 0 });
    await services.delete('default', name);
    await waitFor('the port to be closed', async () =>
      fetch(url).then(
        () => false,
        () => true,
      ),
    );
  });

  it('is healthy, unless its node is about to go, and counts what it does by upstream’s names', async () => {
    const status = async (path: string): Promise<number> => (await fetch(`http://127.0.0.1:10256${path}`)).status;
    expect(await (await fetch('http://127.0.0.1:10256/healthz')).json()).toMatchObject({
      healthy: true,
      nodeEligible: true,
      status: { IPv4: { healthy: true }, IPv6: { healthy: true } },
    });
    const nodes = new ResourceClient<Node>(connection, NODES);
    const taint = (taints: readonly object[]): Promise<Node> =>
      nodes.patch({ namespace: '', name: NODE }, 'merge', { spec: { taints } });
    await taint([{ key: 'ToBeDeletedByClusterAutoscaler', effect: 'NoSchedule' }]);
    await waitFor('the node to be no longer eligible', async () => (await status('/healthz')) === 503);
    expect(await status('/livez')).toBe(200);
    await taint([]);
    await waitFor('the node to be eligible', async () => (await status('/healthz')) === 200);

    expect(await (await fetch('http://127.0.0.1:10249/proxyMode')).text()).toBe('nftables');
    const metrics = await (await fetch('http://127.0.0.1:10249/metrics')).text();
    for (const line of [
      'kubeproxy_sync_partial_proxy_rules_duration_seconds_count{ip_family="IPv4"}',
      'kubeproxy_sync_full_proxy_rules_duration_seconds_count{ip_family="IPv6"}',
      'kubeproxy_sync_proxy_rules_service_changes_total',
      'kubeproxy_sync_proxy_rules_no_local_endpoints_total{traffic_policy="external",ip_family="IPv4"}',
      'kubeproxy_proxy_healthz_total{code="503"}',
      'kubeproxy_conntrack_reconciler_deleted_entries_total{ip_family="IPv4"}',
    ])
      expect(metrics).toContain(line);
  });

  it.each([
    ['an element is gone', ['flush', 'map', 'ip', 'gantry_proxy', 'services']],
    ['its rules are gone', ['flush', 'chain', 'ip', 'gantry_proxy', 'nat-prerouting']],
    ['its table is gone', ['delete', 'table', 'ip', 'gantry_proxy']],
    ['all tables are gone', ['flush', 'ruleset']],
  ])('writes its table anew when %s', async (_, command) => {
    const { items } = await services.list('default', { fieldSelector: 'metadata.name=web' });
    const host = items[0] === undefined ? '' : familyIp(items[0], 4);
    expect((await agents.client.ask({ protocol: 'tcp', host, port: 80 }))[0]).toContain(PODS.client.ip);
    await runCommand('nft', command);
    await waitFor(
      'the service to answer again',
      async saw => {
        saw(proxy.log.slice(-600));
        const [answer] = await agents.client.ask({ protocol: 'tcp', host, port: 80, timeoutMs: 300 });
        return answer?.includes(PODS.client.ip);
      },
      { timeoutMs: 5000 },
    );
  });

  it('loses no connection while endpoints come and go, and while it is killed and started', async () => {
    const service = await create('busy', {});
    await endpoints('busy', [{ pod: 'one' }]);
    const host = familyIp(service, 4);
    await answers('client', host, 80, `one ${PODS.client.ip}`);
    await agents.client.flood({ protocol: 'tcp', host, port: 80 });
    for (let round = 0; round < 5; round += 1) {
      await endpoints('busy', [{ pod: 'one' }, { pod: 'two' }]);
      await endpoints('busy', [{ pod: 'two' }]);
      await proxy.stop('SIGKILL');
      await endpoints('busy', [{ pod: 'two' }, { pod: 'one' }]);
      proxy.start();
      await ready();
      await endpoints('busy', [{ pod: 'one' }]);
    }
    const { asked, failed } = await agents.client.calm();
    expect(failed).toEqual([]);
    expect(asked).toBeGreaterThan(100);
  });

  it('takes all its rules away when asked, and no others', async () => {
    await runCommand('nft', ['add', 'table', 'ip', 'other']);
    await proxy.stop('SIGTERM');
    const cleanup = new TestNodeRole('proxy', ['--cleanup']);
    cleanup.start();
    await waitFor('its tables to be gone', async saw => {
      const { stdout } = await runCommand('nft', ['list', 'tables']);
      saw(stdout.toString());
      return stdout.toString() === 'table ip other\n';
    });
    await cleanup.stop();
    await runCommand('nft', ['delete', 'table', 'ip', 'other']);
  });
});
