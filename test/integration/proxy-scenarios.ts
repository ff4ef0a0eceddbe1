import { expect, it } from 'vitest';
import type { Node } from '../../src/api/types/gen/core-v1.ts';
import {
  familyIp,
  NODE,
  NODE_IP,
  NODE_IP6,
  OUTSIDE,
  POD_GATEWAYS,
  PODS,
  type ProxyNode,
} from '../harness/proxy-node.ts';
import { waitFor } from '../harness/wait-for.ts';

/** What services do for those who use them, whatever the mode: real traffic through a node whose proxy runs. */
export function serviceTraffic(given: () => ProxyNode): void {
  it('leads to every endpoint of a service, in both families, and pods keep their addresses', async () => {
    const node = given();
    const service = await node.create('web', {});
    await node.endpoints('web', [{ pod: 'one' }, { pod: 'two' }]);
    for (const [family, from] of [
      [4, PODS.client.ip],
      [6, PODS.client.ip6],
    ] as const) {
      const host = familyIp(service, family);
      await waitFor('the service to answer', async () =>
        (await node.agents.client.ask({ protocol: 'tcp', host, port: 80, timeoutMs: 300 }))[0]?.includes(' '),
      );
      const seen = await node.agents.client.ask({ protocol: 'tcp', host, port: 80, times: 60 });
      expect([...new Set(seen)].sort()).toEqual([`one ${from}`, `two ${from}`]);
      expect(Math.min(...['one', 'two'].map(pod => seen.filter(text => text.startsWith(pod)).length))).toBeGreaterThan(
        10,
      );
    }
  });

  it('leads a pod to itself, with an address that answers find', async () => {
    const node = given();
    const service = await node.create('self', {});
    await node.endpoints('self', [{ pod: 'one' }]);
    const host = familyIp(service, 4);
    await node.answers('one', host, 80, `one ${POD_GATEWAYS[0]}`);
  });

  it('serves udp', async () => {
    const node = given();
    const service = await node.create('names', { ports: [{ port: 53, targetPort: 8080, protocol: 'UDP' }] });
    await node.endpoints('names', [{ pod: 'two' }], 'UDP');
    for (const family of [4, 6] as const) {
      const host = familyIp(service, family);
      await node.answers('client', host, 53, `two ${PODS.client[family === 4 ? 'ip' : 'ip6']}`, 'udp');
    }
  });

  it('refuses at once where a service has no endpoints', async () => {
    const node = given();
    const service = await node.create('nobody', { type: 'NodePort' });
    const nodePort = service.spec.ports?.[0]?.nodePort ?? 0;
    await node.answers('client', familyIp(service, 4), 80, 'ECONNREFUSED');
    await node.answers('client', familyIp(service, 6), 80, 'ECONNREFUSED');
    await node.answers('outside', NODE_IP, nodePort, 'ECONNREFUSED');
    await node.endpoints('nobody', [{ pod: 'one' }]);
    await node.answers('client', familyIp(service, 4), 80, `one ${PODS.client.ip}`);
    await node.endpoints('nobody', []);
    await node.answers('client', familyIp(service, 4), 80, 'ECONNREFUSED');
    await node.services.delete('default', 'nobody');
    await node.answers('outside', NODE_IP, nodePort, 'ECONNREFUSED');
  });

  it('answers node ports for others, with the address of the node, in both families', async () => {
    const node = given();
    const service = await node.create('open', { type: 'NodePort' });
    await node.endpoints('open', [{ pod: 'one' }]);
    const nodePort = service.spec.ports?.[0]?.nodePort ?? 0;
    await node.answers('outside', NODE_IP, nodePort, `one ${POD_GATEWAYS[0]}`);
    await node.answers('outside', NODE_IP6, nodePort, `one ${POD_GATEWAYS[1]}`);
  });

  it('keeps addresses of others with policy Local, and drops where this node has no endpoint', async () => {
    const node = given();
    const service = await node.create('kept', { type: 'NodePort', externalTrafficPolicy: 'Local' });
    await node.endpoints('kept', [{ pod: 'one' }, { pod: 'two', nodeName: 'node-b' }]);
    const nodePort = service.spec.ports?.[0]?.nodePort ?? 0;
    await node.answers('outside', NODE_IP, nodePort, `one ${OUTSIDE}`);
    const seen = await node.agents.outside.ask({ protocol: 'tcp', host: NODE_IP, port: nodePort, times: 20 });
    expect(new Set(seen)).toEqual(new Set([`one ${OUTSIDE}`]));
    await node.endpoints('kept', [{ pod: 'two', nodeName: 'node-b' }]);
    await node.answers('outside', NODE_IP, nodePort, 'timeout');
    await node.answers('client', NODE_IP, nodePort, `two ${PODS.client.ip}`);
  });

  it('leads flows of udp on when their endpoint is gone, and refuses them when the last is', async () => {
    const node = given();
    const service = await node.create('flow', { ports: [{ port: 53, targetPort: 8080, protocol: 'UDP' }] });
    await node.endpoints('flow', [{ pod: 'one' }], 'UDP');
    for (const family of [4, 6] as const) {
      const host = familyIp(service, family);
      // always from the same port: one flow to the kernel
      const led = (expected: string): Promise<boolean> =>
        waitFor(`${expected} of the flow to ${host}`, async saw => {
          const question = { protocol: 'udp', host, port: 53, timeoutMs: 200, localPort: 40_000 } as const;
          const [answer = ''] = await node.agents.client.ask(question);
          saw({ answer, log: node.proxy.log.slice(-400) });
          return answer.startsWith(expected);
        });
      await node.endpoints('flow', [{ pod: 'one' }], 'UDP');
      await led('one');
      await node.endpoints('flow', [{ pod: 'two' }], 'UDP');
      await led('two');
      await node.endpoints('flow', [], 'UDP');
      await led('ECONNREFUSED');
    }
  });

  it('answers the addresses of load balancers, and tells those whether to send to this node', async () => {
    const node = given();
    const name = 'balanced';
    const service = await node.create(name, {
      type: 'LoadBalancer',
      externalTrafficPolicy: 'Local',
      loadBalancerSourceRanges: [`${OUTSIDE}/32`, 'fd00:1::/64'],
      ports: [{ port: 80, targetPort: 8080 }],
    });
    const ingress = [{ ip: '203.0.113.1' }];
    await node.services.patch({ namespace: 'default', name, subresource: 'status' }, 'merge', {
      status: { loadBalancer: { ingress } },
    });
    await node.endpoints(name, [{ pod: 'one' }]);
    await node.answers('outside', '203.0.113.1', 80, `one ${OUTSIDE}`);
    // in no source range
    await node.answers('client', '203.0.113.1', 80, 'timeout');

    const url = `http://${NODE_IP}:${service.spec.healthCheckNodePort}/`;
    const told = async (): Promise<unknown> => {
      const answer = await fetch(url);
      const weight = answer.headers.get('x-load-balancing-endpoint-weight');
      return { status: answer.status, weight, ...((await answer.json()) as object) };
    };
    const about = { service: { namespace: 'default', name }, serviceProxyHealthy: true };
    expect(await told()).toEqual({ status: 200, weight: '1', ...about, localEndpoints: 1 });
    await node.endpoints(name, [{ pod: 'one', nodeName: 'node-b' }]);
    await waitFor('no local endpoint to be told', async () => (await fetch(url)).status === 503);
    expect(await told()).toEqual({ status: 503, weight: '0', ...about, localEndpoints: 0 });
    await node.services.delete('default', name);
    await waitFor('the port to be closed', async () =>
      fetch(url).then(
        () => false,
        () => true,
      ),
    );
  });
}

/** What the proxy tells of itself, and that nobody notices when it ends and begins. */
export function proxyLife(mode: string, given: () => ProxyNode): void {
  it('is healthy, unless its node is about to go, and counts what it does by upstream’s names', async () => {
    const node = given();
    const status = async (path: string): Promise<number> => (await fetch(`http://127.0.0.1:10256${path}`)).status;
    expect(await (await fetch('http://127.0.0.1:10256/healthz')).json()).toMatchObject({
      healthy: true,
      nodeEligible: true,
      status: { IPv4: { healthy: true }, IPv6: { healthy: true } },
    });
    const taint = (taints: readonly object[]): Promise<Node> =>
      node.nodes.patch({ namespace: '', name: NODE }, 'merge', { spec: { taints } });
    await taint([{ key: 'ToBeDeletedByClusterAutoscaler', effect: 'NoSchedule' }]);
    await waitFor('the node to be no longer eligible', async () => (await status('/healthz')) === 503);
    expect(await status('/livez')).toBe(200);
    await taint([]);
    await waitFor('the node to be eligible', async () => (await status('/healthz')) === 200);

    expect(await (await fetch('http://127.0.0.1:10249/proxyMode')).text()).toBe(mode);
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

  it('loses no connection while endpoints come and go, and while it is killed and started', async () => {
    const node = given();
    const service = await node.create('busy', {});
    await node.endpoints('busy', [{ pod: 'one' }]);
    const host = familyIp(service, 4);
    await node.answers('client', host, 80, `one ${PODS.client.ip}`);
    await node.agents.client.flood({ protocol: 'tcp', host, port: 80 });
    for (let round = 0; round < 5; round += 1) {
      await node.endpoints('busy', [{ pod: 'one' }, { pod: 'two' }]);
      await node.endpoints('busy', [{ pod: 'two' }]);
      await node.proxy.stop('SIGKILL');
      await node.endpoints('busy', [{ pod: 'two' }, { pod: 'one' }]);
      node.proxy.start();
      await node.ready();
      await node.endpoints('busy', [{ pod: 'one' }]);
    }
    const { asked, failed } = await node.agents.client.calm();
    expect(failed).toEqual([]);
    expect(asked).toBeGreaterThan(100);
  });
}
