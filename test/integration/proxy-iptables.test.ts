import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from '../../src/linux/command.ts';
import { ensureSysctl, readSysctl } from '../../src/linux/sysctl.ts';
import { iptablesTraces } from '../../src/proxy/act/remove.ts';
import { TestNodeRole } from '../harness/node-role.ts';
import { familyIp, PODS, ProxyNode } from '../harness/proxy-node.ts';
import { waitFor } from '../harness/wait-for.ts';
import { proxyLife, serviceTraffic } from './proxy-scenarios.ts';

const CHAIN = /^:(KUBE-\S+)/gm;

/** The chains of proxies in all tables, in the backend. */
async function chains(program = 'iptables'): Promise<string[]> {
  const { stdout } = await runCommand(`${program}-save`, []);
  return [...stdout.toString().matchAll(CHAIN)].map(([, name = '']) => name).sort();
}

/** The rules that a proxy made, without what others did, in the kernel's words. */
async function rules(): Promise<string[]> {
  const { stdout } = await runCommand('iptables-save', []);
  return stdout
    .toString()
    .split('\n')
    .filter(line => line.includes('KUBE-'))
    .sort();
}

const routesLoopback = (): boolean => readSysctl('net/ipv4/conf/all/route_localnet') === '1';

async function cleanUp(): Promise<void> {
  const cleanup = new TestNodeRole('proxy', ['--cleanup']);
  cleanup.start();
  expect(await cleanup.ended()).toBe(0);
}

describe('the service proxy in iptables mode', () => {
  let node: ProxyNode;
  let flags: string[];

  beforeAll(async () => {
    node = await ProxyNode.start();
    flags = [
      '--proxy-mode=iptables',
      `--config=${node.configuration('iptables: { minSyncPeriod: 20ms, syncPeriod: 1s }')}`,
    ];
    ensureSysctl('net/ipv4/conf/all/route_localnet', '0');
    await node.startProxy(flags);
  });

  afterAll(() => node?.stop());

  serviceTraffic(() => node);

  it('keeps a client with its endpoint until that is gone, in both families', async () => {
    const service = await node.create('sticky', { sessionAffinity: 'ClientIP' });
    for (const family of [4, 6] as const) {
      const host = familyIp(service, family);
      await node.endpoints('sticky', [{ pod: 'one' }, { pod: 'two' }]);
      await waitFor('the service to answer', async () => (await node.ask(host)).includes(' '));
      const seen = await node.agents.client.ask({ protocol: 'tcp', host, port: 80, times: 30 });
      expect(new Set(seen).size).toBe(1);
      const other = seen[0]?.startsWith('one') ? 'two' : 'one';
      await node.endpoints('sticky', [{ pod: other }]);
      await node.answers('client', host, 80, `${other} ${PODS.client[family === 4 ? 'ip' : 'ip6']}`);
    }
  });

  proxyLife('iptables', () => node);

  it('killed and started, has the rules of a start from nothing', async () => {
    await node.proxy.stop('SIGKILL');
    await node.startProxy(flags);
    const again = await rules();
    await node.proxy.stop();
    await cleanUp();
    expect(await rules()).toEqual([]);
    await node.startProxy(flags);
    expect(await rules()).toEqual(again);
  });

  it('writes its rules anew when somebody emptied the tables', async () => {
    const { items } = await node.services.list('default', { fieldSelector: 'metadata.name=web' });
    const host = items[0] === undefined ? '' : familyIp(items[0], 4);
    const before = await rules();
    for (const table of ['nat', 'filter', 'mangle'])
      for (const verb of ['-F', '-X']) await runCommand('iptables', ['-t', table, verb]);
    await waitFor('the service to answer again', async saw => {
      saw(node.proxy.log.slice(-600));
      return (await node.ask(host)).includes(PODS.client.ip);
    });
    expect(await rules()).toEqual(before);
  });

  it('gives way to nftables mode and comes back, each taking away what the other made', async () => {
    const service = await node.create('moved', {});
    await node.endpoints('moved', [{ pod: 'one' }]);
    const host = familyIp(service, 4);
    const answer = `one ${PODS.client.ip}`;
    await node.answers('client', host, 80, answer);
    const tables = async (): Promise<string> => (await runCommand('nft', ['list', 'tables'])).stdout.toString();
    await node.startProxy(['--proxy-mode=nftables']);
    await waitFor('the chains of iptables mode to be gone', async saw => {
      const left = await chains();
      saw({ left, log: node.proxy.log.slice(-600) });
      return left.length === 0;
    });
    expect(await tables()).toContain('gantry_proxy');
    expect(routesLoopback()).toBe(false);
    expect(await node.ask(host)).toBe(answer);
    await node.startProxy(flags);
    await waitFor('the tables of nftables mode to be gone', async () => !(await tables()).includes('gantry_proxy'));
    expect(await node.ask(host)).toBe(answer);
  });

  it('routes to the loopback only while its guard stands, and afterwards as before', async () => {
    await node.proxy.stop();
    await cleanUp();
    expect(routesLoopback()).toBe(false);
    const lost = new TestNodeRole('proxy', [...flags, `--kubeconfig=${node.unreachable()}`]);
    lost.start();
    await waitFor('the API server to be missed', async saw => {
      saw(lost.log);
      return lost.log.includes('ECONNREFUSED');
    });
    expect([routesLoopback(), await chains()]).toEqual([false, []]);
    await lost.stop();
    await node.startProxy(flags);
    await waitFor('the route', async () => routesLoopback());
    expect(await chains()).toContain('KUBE-FIREWALL');
    await node.proxy.stop();
    await node.startProxy(flags);
    await node.proxy.stop();
    await cleanUp();
    expect(routesLoopback()).toBe(false);
    // as an administrator has set it
    ensureSysctl('net/ipv4/conf/all/route_localnet', '1');
    await node.startProxy(flags);
    await node.proxy.stop();
    await cleanUp();
    expect(routesLoopback()).toBe(true);
    ensureSysctl('net/ipv4/conf/all/route_localnet', '0');
    await node.startProxy(flags);
  });

  it('works by iptables-legacy where the machine has that, and takes its rules away there too', async () => {
    await node.proxy.stop('SIGTERM');
    await cleanUp();
    const folder = mkdtempSync(join(tmpdir(), 'gantry-legacy-'));
    const path = process.env['PATH'];
    try {
      for (const family of ['iptables', 'ip6tables'])
        for (const suffix of ['', '-save', '-restore'])
          symlinkSync(`/usr/sbin/${family}-legacy${suffix}`, join(folder, family + suffix));
      process.env['PATH'] = `${folder}:${path}`;
      await node.startProxy(flags);
      const service = await node.create('legacy', {});
      await node.endpoints('legacy', [{ pod: 'two' }]);
      await node.answers('client', familyIp(service, 4), 80, `two ${PODS.client.ip}`);
      await node.answers('client', familyIp(service, 6), 80, `two ${PODS.client.ip6}`);
      expect(await chains('iptables-nft')).toEqual([]);
      expect(await chains('iptables-legacy')).toContain('KUBE-SERVICES');
      await node.proxy.stop('SIGTERM');
    } finally {
      process.env['PATH'] = path;
      rmSync(folder, { recursive: true });
    }
    await cleanUp();
    expect([...(await chains('iptables-legacy')), ...(await chains('ip6tables-legacy'))]).toEqual([]);
    await node.startProxy(flags);
  });

  it('takes all its rules away when asked, and no others', async () => {
    await runCommand('iptables', ['-N', 'OTHER']);
    await node.proxy.stop('SIGTERM');
    expect(await iptablesTraces()).toEqual({
      chains: ['the chains KUBE-* of iptables-nft', 'the chains KUBE-* of ip6tables-nft'],
      loopback: 'opened-by-them',
    });
    await cleanUp();
    expect(await iptablesTraces()).toEqual({ chains: [], loopback: 'closed' });
    ensureSysctl('net/ipv4/conf/all/route_localnet', '1');
    expect(await iptablesTraces()).toEqual({ chains: [], loopback: 'open' });
    ensureSysctl('net/ipv4/conf/all/route_localnet', '0');
    expect([...(await chains()), ...(await chains('ip6tables'))]).toEqual([]);
    const { stdout } = await runCommand('iptables', ['-S']);
    expect(stdout.toString()).toBe('-P INPUT ACCEPT\n-P FORWARD ACCEPT\n-P OUTPUT ACCEPT\n-N OTHER\n');
  });
});
