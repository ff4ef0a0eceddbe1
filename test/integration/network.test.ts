import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Event, Node } from '../../src/api/types/gen/core-v1.ts';
import { ApiConnection } from '../../src/client/connection.ts';
import { readKubeconfig } from '../../src/client/kubeconfig.ts';
import { ResourceClient } from '../../src/client/resource-client.ts';
import { runCommand } from '../../src/linux/command.ts';
import { readSysctl } from '../../src/linux/sysctl.ts';
import { TestApiServer } from '../harness/api-server.ts';
import { PROJECT } from '../harness/gantry-command.ts';
import { NetnsAgent } from '../harness/netns-agent.ts';
import { TestNodeRole } from '../harness/node-role.ts';
import { connectPod, prepareNode } from '../harness/pod-links.ts';
import { PrivateNetns } from '../harness/private-netns.ts';
import { runDirectory } from '../harness/run-id.ts';
import { waitFor } from '../harness/wait-for.ts';

const NODES = { group: '', version: 'v1', plural: 'nodes' };
const A = { ip: '192.168.0.2', ip6: 'fd00:1::2' };
const B = { ip: '192.168.0.1', ip6: 'fd00:1::1' };
const POD_A = { ip: '10.244.0.5', ip6: 'fd00:244::5' };
/** A pod of the other node; here an address of that node itself. */
const POD_B = { ip: '10.244.1.5', ip6: 'fd00:245::5' };
/** Neither a node's nor a pod's. */
const ELSEWHERE = '203.0.113.5';

/** Two nodes as network namespaces on one link; the built network runs on the first, in which the test is. */
describe('the pod network of a node', () => {
  const confDir = runDirectory('net.d');
  const cniSocket = `${runDirectory('cni')}/cni.sock`;
  let netns: PrivateNetns;
  let server: TestApiServer;
  let connection: ApiConnection;
  let nodes: ResourceClient<Node>;
  let network: TestNodeRole;
  let pod: NetnsAgent;
  let other: NetnsAgent;

  const createNode = async (name: string, podCIDRs: readonly string[], ips: readonly string[]): Promise<void> => {
    await nodes.create({ metadata: { name }, spec: { podCIDR: podCIDRs[0], podCIDRs } } as unknown as Node);
    await nodes.patch({ namespace: '', name, subresource: 'status' }, 'merge', {
      status: { addresses: ips.map(address => ({ type: 'InternalIP', address })) },
    });
  };

  /** The routes that carry our mark, of both families. */
  const routes = async (): Promise<string[]> => {
    const texts = await Promise.all(
      ['-4', '-6'].map(async family =>
        (await runCommand('ip', [family, 'route', 'show', 'proto', '103'])).stdout.toString(),
      ),
    );
    return texts
      .join('')
      .split('\n')
      .filter(line => line !== '')
      .map(line => line.trim().replace(/ metric.*| pref.*/g, ''));
  };

  const hasRoutes = (...expected: string[]): Promise<boolean> =>
    waitFor(`the routes ${expected.join(', ')}`, async saw => {
      const found = await routes();
      saw({ found, log: network.log.slice(-600) });
      return JSON.stringify(found) === JSON.stringify(expected);
    });

  const BOTH = [`10.244.1.0/24 via ${B.ip} dev to-b`, `fd00:245::/64 via ${B.ip6} dev to-b`];

  beforeAll(async () => {
    netns = PrivateNetns.enter();
    prepareNode();
    const podNetns = netns.create('pod');
    const otherNetns = netns.create('other');
    connectPod({
      name: 'veth-pod',
      netns: podNetns,
      ips: [POD_A.ip, POD_A.ip6],
      gateways: ['10.244.0.1', 'fd00:244::1'],
    });
    connectPod({ name: 'to-b', netns: otherNetns, ips: [B.ip, B.ip6], gateways: [A.ip, A.ip6] });
    for (const address of [POD_B.ip, POD_B.ip6, ELSEWHERE])
      await runCommand('nsenter', [`--net=${otherNetns}`, 'ip', 'address', 'add', address, 'dev', 'lo']);
    await runCommand('nsenter', [`--net=${otherNetns}`, 'ip', 'link', 'set', 'lo', 'up']);
    await runCommand('ip', ['route', 'add', ELSEWHERE, 'via', B.ip]);
    pod = NetnsAgent.start(podNetns);
    other = NetnsAgent.start(otherNetns);
    await other.listen('tcp', 8080, 'other');

    server = await TestApiServer.start();
    const kubeconfig = server.kubeconfigFor('admin', ['system:masters']);
    connection = new ApiConnection(readKubeconfig(kubeconfig), { userAgent: 'gantry-test' });
    nodes = new ResourceClient<Node>(connection, NODES);
    mkdirSync(confDir, { recursive: true });
    const args = [
      `--kubeconfig=${kubeconfig}`,
      '--hostname-override=node-a',
      `--cni-conf-dir=${confDir}`,
      `--cni-socket=${cniSocket}`,
    ];
    network = new TestNodeRole('network', args);
    network.start();
  });

  afterAll(async () => {
    await network?.stop();
    connection?.close();
    await server?.remove();
    await pod?.stop();
    await other?.stop();
    netns?.leave();
    rmSync(confDir, { recursive: true, force: true });
  });

  it('waits for the pod CIDRs of its node, then writes a configuration and lets packets through', async () => {
    await waitFor('the network to wait for its node', saw => {
      saw(network.log);
      return network.log.includes('has no pod CIDR yet');
    });
    expect(readdirSync(confDir)).toEqual([]);
    await createNode('node-a', ['10.244.0.0/24', 'fd00:244::/64'], [A.ip, A.ip6]);
    await waitFor('the configuration', () => readdirSync(confDir).includes('10-gantry.conflist'));
    const { plugins } = JSON.parse(readFileSync(`${confDir}/10-gantry.conflist`, 'utf8')) as {
      plugins: { ipam: object }[];
    };
    expect(plugins[0]?.ipam).toEqual({
      type: 'host-local',
      ranges: [[{ subnet: '10.244.0.0/24' }], [{ subnet: 'fd00:244::/64' }]],
    });
    expect(['net/ipv4/ip_forward', 'net/ipv6/conf/all/forwarding'].map(readSysctl)).toEqual(['1', '1']);
  });

  it('serves the launchers of another runtime, where it is asked to', async () => {
    const { code, stdout } = await runCommand(`${PROJECT}/cni/gantry-bridge`, [], {
      env: { PATH: process.env['PATH'] ?? '', GANTRY_CNI_SOCKET: cniSocket, CNI_COMMAND: 'VERSION' },
      input: '{"cniVersion":"1.1.0"}',
    });
    expect({ code, answer: stdout.toString() }).toMatchObject({ code: 0, answer: expect.stringContaining('"1.1.0"') });
  });

  it('leads to the pods of other nodes, with their own addresses', async () => {
    await createNode('node-b', ['10.244.1.0/24', 'fd00:245::/64'], [B.ip, B.ip6]);
    await hasRoutes(...BOTH);
    for (const family of ['ip', 'ip6'] as const)
      expect(await pod.ask({ protocol: 'tcp', host: POD_B[family], port: 8080 })).toEqual([`other ${POD_A[family]}`]);
  });

  it('gives what leaves the cluster the address of the node, also after others have removed the rules', async () => {
    const ask = async (): Promise<string> => (await pod.ask({ protocol: 'tcp', host: ELSEWHERE, port: 8080 }))[0] ?? '';
    expect(await ask()).toBe(`other ${A.ip}`);
    await runCommand('nft', ['flush', 'ruleset']);
    await waitFor('the rules to be there again', async () => (await ask()) === `other ${A.ip}`);
  });

  it('puts routes back when somebody removes them, and after the link was down', async () => {
    await runCommand('ip', ['route', 'del', '10.244.1.0/24']);
    await hasRoutes(...BOTH);
    await runCommand('ip', ['link', 'set', 'to-b', 'down']);
    await hasRoutes();
    await runCommand('ip', ['link', 'set', 'to-b', 'up']);
    await runCommand('ip', ['route', 'replace', B.ip, 'dev', 'to-b']);
    await runCommand('ip', ['-6', 'address', 'replace', `${A.ip6}/128`, 'dev', 'to-b', 'nodad']);
    await runCommand('ip', ['-6', 'route', 'replace', B.ip6, 'dev', 'to-b']);
    await hasRoutes(...BOTH);
  });

  it('says that it does not reach a node behind a router, and goes on with the others', async () => {
    await createNode('node-far', ['10.244.9.0/24'], [ELSEWHERE]);
    await waitFor('the warning', saw => {
      saw(network.log.slice(-600));
      return network.log.includes(`pods of node node-far are not reached: ${ELSEWHERE} is on no link`);
    });
    expect(await routes()).toEqual(BOTH);
    const events = new ResourceClient<Event>(connection, { group: '', version: 'v1', plural: 'events' });
    await waitFor('an event that says so', async saw => {
      const { items } = await events.list('default');
      saw(items);
      return items.some(
        ({ reason, type, involvedObject, message }) =>
          reason === 'PodsNotReached' &&
          type === 'Warning' &&
          involvedObject.name === 'node-a' &&
          message?.includes('node-far') === true,
      );
    });
    await nodes.delete('', 'node-far');
  });

  it('leaves routes of others alone', async () => {
    await runCommand('ip', ['route', 'add', '10.244.7.0/24', 'via', B.ip]);
    await createNode('node-taken', ['10.244.7.0/24'], [B.ip]);
    await waitFor('the warning', saw => {
      saw(network.log.slice(-600));
      return network.log.includes('the route to 10.244.7.0/24');
    });
    await nodes.delete('', 'node-taken');
    await hasRoutes(...BOTH);
    const { stdout } = await runCommand('ip', ['route', 'show', '10.244.7.0/24']);
    expect(stdout.toString()).toContain(`via ${B.ip}`);
    await runCommand('ip', ['route', 'del', '10.244.7.0/24']);
  });

  it('keeps everything when it is killed, and makes up for what it missed', async () => {
    await network.stop('SIGKILL');
    expect(await routes()).toEqual(BOTH);
    await createNode('node-c', ['10.244.2.0/24'], [B.ip]);
    await nodes.delete('', 'node-b');
    network.start();
    await hasRoutes(`10.244.2.0/24 via ${B.ip} dev to-b`);
    await nodes.delete('', 'node-c');
    await hasRoutes();
  });

  it('writes no configuration where another is, and removes all that it made when asked', async () => {
    await createNode('node-b', ['10.244.1.0/24', 'fd00:245::/64'], [B.ip, B.ip6]);
    await hasRoutes(...BOTH);
    await network.stop('SIGTERM');
    rmSync(`${confDir}/10-gantry.conflist`);
    writeFileSync(`${confDir}/20-other.conflist`, '{}');
    network.start();
    await waitFor('the network to see the other one', saw => {
      saw(network.log);
      return network.log.includes('20-other.conflist is there');
    });
    expect(readdirSync(confDir)).toEqual(['20-other.conflist']);
    await network.stop('SIGTERM');
    const cleanup = new TestNodeRole('network', ['--cleanup', `--cni-conf-dir=${confDir}`]);
    cleanup.start();
    await hasRoutes();
    await waitFor('the table to be gone', async () => {
      const { stdout } = await runCommand('nft', ['list', 'tables']);
      return !stdout.toString().includes('gantry_network');
    });
    await cleanup.stop();
  });
});
