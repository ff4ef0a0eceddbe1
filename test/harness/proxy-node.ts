import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Node, Service } from '../../src/api/types/gen/core-v1.ts';
import type { EndpointSlice } from '../../src/api/types/gen/discovery-v1.ts';
import { ApiConnection } from '../../src/client/connection.ts';
import { readKubeconfig } from '../../src/client/kubeconfig.ts';
import { ResourceClient } from '../../src/client/resource-client.ts';
import { runCommand } from '../../src/linux/command.ts';
import { ENDPOINT_SLICES, NODES, SERVICES } from '../../src/proxy/resources.ts';
import { TestApiServer } from './api-server.ts';
import { NetnsAgent } from './netns-agent.ts';
import { TestNodeRole } from './node-role.ts';
import { connectPod, prepareNode } from './pod-links.ts';
import { PrivateNetns } from './private-netns.ts';
import { waitFor } from './wait-for.ts';

export const NODE = 'node-a';
export const NODE_IP = '192.168.0.2';
export const NODE_IP6 = 'fd00:1::2';
export const POD_GATEWAYS = ['10.244.0.1', 'fd00:244::1'];
export const PODS = {
  one: { ip: '10.244.0.5', ip6: 'fd00:244::5' },
  two: { ip: '10.244.0.6', ip6: 'fd00:244::6' },
  client: { ip: '10.244.0.7', ip6: 'fd00:244::7' },
};
export const OUTSIDE = '192.168.0.1';

export interface Backend {
  readonly pod: 'one' | 'two';
  readonly conditions?: object;
  readonly nodeName?: string;
}

export type Asker = 'one' | 'two' | 'client' | 'outside';

/** A node as a network namespace, pods and somebody outside as others on links of it, the built API server and proxy within. */
export class ProxyNode {
  readonly netns: PrivateNetns;
  readonly server: TestApiServer;
  readonly connection: ApiConnection;
  readonly services: ResourceClient<Service>;
  readonly slices: ResourceClient<EndpointSlice>;
  readonly nodes: ResourceClient<Node>;
  readonly agents: Readonly<Record<Asker, NetnsAgent>>;
  proxy: TestNodeRole;
  readonly #kubeconfig: string;
  readonly #folder = mkdtempSync(join(tmpdir(), 'gantry-proxy-'));

  private constructor(netns: PrivateNetns, server: TestApiServer, agents: Record<Asker, NetnsAgent>) {
    this.netns = netns;
    this.server = server;
    this.agents = agents;
    this.#kubeconfig = server.kubeconfigFor('admin', ['system:masters']);
    this.connection = new ApiConnection(readKubeconfig(this.#kubeconfig), { userAgent: 'gantry-test' });
    this.services = new ResourceClient<Service>(this.connection, SERVICES);
    this.slices = new ResourceClient<EndpointSlice>(this.connection, ENDPOINT_SLICES);
    this.nodes = new ResourceClient<Node>(this.connection, NODES);
    this.proxy = this.#role([]);
  }

  /** The proxy is started by `startProxy`. */
  static async start(): Promise<ProxyNode> {
    const netns = PrivateNetns.enter();
    prepareNode();
    const agents = {} as Record<Asker, NetnsAgent>;
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
    const server = await TestApiServer.start({ args: ['--service-cluster-ip-range=10.96.0.0/16,fd00:96::/112'] });
    const node = new ProxyNode(netns, server, agents);
    await node.nodes.create({ metadata: { name: NODE } } as unknown as Node);
    await node.nodes.patch({ namespace: '', name: NODE, subresource: 'status' }, 'merge', {
      status: { addresses: [NODE_IP, NODE_IP6].map(address => ({ type: 'InternalIP', address })) },
    });
    return node;
  }

  /** The path of a KubeProxyConfiguration with some lines of YAML. */
  configuration(lines: string): string {
    const path = join(this.#folder, 'proxy.yaml');
    const head = 'apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n';
    writeFileSync(path, `${head}${lines}\n`);
    return path;
  }

  /** The path of a kubeconfig of an API server that is not there. */
  unreachable(): string {
    const path = join(this.#folder, 'unreachable.conf');
    const text = readFileSync(this.#kubeconfig, 'utf8').replace(/https:\/\/[^\s"]+/, 'https://127.0.0.1:1');
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  }

  /** Starts a proxy with these flags, in the place of the one that runs, and waits until it is ready. */
  async startProxy(flags: readonly string[]): Promise<void> {
    await this.proxy.stop();
    this.proxy = this.#role(flags);
    this.proxy.start();
    await this.ready();
  }

  ready(): Promise<boolean> {
    return waitFor('the proxy to be ready', saw => {
      saw(this.proxy.log);
      return this.proxy.log.includes('"component":"proxy"');
    });
  }

  create(name: string, spec: object): Promise<Service> {
    return this.services.create({
      metadata: { name, namespace: 'default' },
      spec: { ipFamilyPolicy: 'PreferDualStack', ports: [{ port: 80, targetPort: 8080 }], ...spec },
    } as unknown as Service);
  }

  /** The endpoints of a service, in a slice of each family. */
  async endpoints(service: string, backends: readonly Backend[], protocol = 'TCP'): Promise<void> {
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
      const known = await this.slices.list('default', { fieldSelector: `metadata.name=${name}` });
      if (known.items.length === 0) await this.slices.create(slice);
      else await this.slices.update(slice);
    }
  }

  /** Waits until a question gets what it should, each time. */
  answers(who: Asker, host: string, port: number, expected: string, protocol: 'tcp' | 'udp' = 'tcp'): Promise<boolean> {
    return waitFor(`${expected} at ${host} ${port}`, async saw => {
      const [answer = ''] = await this.agents[who].ask({ protocol, host, port, timeoutMs: 300 });
      saw({ answer, log: this.proxy.log.slice(-600) });
      return answer === expected;
    });
  }

  /** One answer to the client in a pod; what went wrong instead. */
  async ask(host: string, port = 80): Promise<string> {
    const [answer = ''] = await this.agents.client.ask({ protocol: 'tcp', host, port, timeoutMs: 300 });
    return answer;
  }

  async stop(): Promise<void> {
    await this.proxy.stop();
    this.connection.close();
    await this.server.remove();
    for (const agent of Object.values(this.agents)) await agent.stop();
    this.netns.leave();
    rmSync(this.#folder, { recursive: true });
  }

  #role(flags: readonly string[]): TestNodeRole {
    const args = [`--kubeconfig=${this.#kubeconfig}`, `--hostname-override=${NODE}`];
    return new TestNodeRole('proxy', [...args, '--cluster-cidr=10.244.0.0/16,fd00:244::/64', ...flags]);
  }
}

export function familyIp(service: Service, family: 4 | 6): string {
  return service.spec.clusterIPs?.find(ip => ip.includes(':') === (family === 6)) ?? '';
}
