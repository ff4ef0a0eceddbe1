import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { externalEtcdVersions } from '../../../../src/bootstrap/preflight/external-etcd.ts';
import { missingModules } from '../../../../src/bootstrap/preflight/kernel-modules.ts';
import { listeners, portHolders, unitOf } from '../../../../src/bootstrap/preflight/neighbours.ts';
import { neededModules, neededPrograms } from '../../../../src/bootstrap/preflight/programs.ts';
import { proxiedTargets } from '../../../../src/bootstrap/preflight/proxy-variables.ts';

describe('the modules of the kernel', () => {
  const LISTS = {
    loaded: 'overlay 151552 0 - Live 0x0\n',
    builtin: 'kernel/net/bridge/bridge.ko\n',
    files: 'kernel/net/netfilter/ipvs/ip_vs.ko.xz: kernel/a.ko\nkernel/net/x/nf-tables.ko:\n',
    loadingIsOff: false,
  };

  it.each([
    ['overlay', false, []],
    ['bridge', false, []],
    ['ip_vs', false, []],
    ['nf_tables', false, []],
    ['vxlan', false, [{ name: 'vxlan', loadable: false }]],
    ['ip_vs', true, [{ name: 'ip_vs', loadable: true }]],
    ['overlay', true, []],
    // another one whose name begins so
    ['ip', false, [{ name: 'ip', loadable: false }]],
  ])('%s, with loading off: %s', (name, loadingIsOff, missing) => {
    expect(missingModules([name], { ...LISTS, loadingIsOff })).toEqual(missing);
  });

  it('are more for modes that need more', () => {
    expect(neededModules('')).not.toContain('ip_vs');
    expect(neededModules('ipvs')).toEqual(expect.arrayContaining(['ip_vs', 'dummy']));
  });
});

describe('programs', () => {
  it('are those of what runs here', () => {
    expect(neededPrograms({ etcd: false, proxyMode: 'nftables' })).not.toContain('etcd');
    expect(neededPrograms({ etcd: true, proxyMode: 'ipvs' })).toEqual(
      expect.arrayContaining(['etcd', 'conmon', 'iptables-restore', 'ipset']),
    );
  });
});

describe('a process', () => {
  it.each([
    ['0::/system.slice/k3s.service\n', 'k3s.service'],
    ['12:memory:/system.slice/etcd.service\n1:name=systemd:/system.slice/etcd.service\n', 'etcd.service'],
    ['0::/user.slice/user-0.slice/session-1.scope\n', undefined],
    ['0::/\n', undefined],
  ])('is of the unit that its cgroup %j says', (cgroup, unit) => {
    expect(unitOf(cgroup)).toBe(unit);
  });

  it('is found by the port on which it listens', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise(resolve => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    expect(portHolders([port]).get(port)?.pid).toBe(process.pid);
    server.close();
  });

  it('is not found where it is only connected', () => {
    const line = (state: string): string =>
      `   0: 00000000:192B 00000000:0000 ${state} 00000000:00000000 00:0 0 0 0 4711 1`;
    expect(listeners(`  sl  local_address\n${line('0A')}\n`)).toEqual([{ port: 6443, inode: '4711' }]);
    expect(listeners(line('01'))).toEqual([]);
  });
});

describe('a proxy of the environment', () => {
  const PROXY = { HTTPS_PROXY: 'http://user:secret@proxy:3128' };

  it('is used, and its password not told', () => {
    expect(proxiedTargets(['10.0.0.5', '10.96.0.0/12'], PROXY)).toEqual([
      { target: '10.0.0.5', isNetwork: false, proxy: 'http://proxy:3128' },
      { target: '10.96.0.0/12', isNetwork: true, proxy: 'http://proxy:3128' },
    ]);
  });

  it.each(['10.0.0.5', '10.0.0.0/8', '*', 'a, 10.0.0.5'])('is not used with NO_PROXY=%s', NO_PROXY => {
    expect(proxiedTargets(['10.0.0.5'], { ...PROXY, NO_PROXY })).toEqual([]);
  });

  it('is not used for names below an excepted domain', () => {
    expect(proxiedTargets(['api.example'], { ...PROXY, no_proxy: 'example' })).toEqual([]);
    expect(proxiedTargets(['example.org'], { ...PROXY, no_proxy: 'example' })).toHaveLength(1);
  });

  it('is not there', () => {
    expect(proxiedTargets(['10.0.0.5'], {})).toEqual([]);
  });
});

describe('an external etcd', () => {
  it('says its version, or why not', async () => {
    const server = createServer((request, response) => {
      response.statusCode = request.url === '/version' ? 200 : 500;
      response.end('{"etcdserver":"3.5.21","etcdcluster":"3.5.0"}');
    }).listen(0, '127.0.0.1');
    await new Promise(resolve => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    const endpoint = `http://127.0.0.1:${port}`;
    const files = { caFile: '', certFile: '', keyFile: '' };
    expect(await externalEtcdVersions({ httpEndpoints: [endpoint], ...files })).toEqual([
      { endpoint, version: '3.5.21' },
    ]);
    expect(await externalEtcdVersions({ httpEndpoints: [`${endpoint}/x`], ...files })).toEqual([
      { endpoint: `${endpoint}/x`, error: 'it answers 500' },
    ]);
    server.close();
  });
});
