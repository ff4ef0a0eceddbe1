import { createSocket } from 'node:dgram';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { missingModules } from '../../../../src/bootstrap/preflight/kernel-modules.ts';
import { boundSockets, isInTheWay, socketHolders, unitOf } from '../../../../src/bootstrap/preflight/neighbours.ts';
import { neededModules, neededPrograms } from '../../../../src/bootstrap/preflight/programs.ts';
import { proxiedTargets } from '../../../../src/bootstrap/preflight/proxy-variables.ts';
import { isFree, proxySockets } from '../../../../src/bootstrap/preflight/sockets.ts';

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
    ['veth', false, [{ name: 'veth', loadable: false }]],
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

  it.each(['tcp', 'udp'] as const)('is found by the port on which it serves, by %s', async protocol => {
    const server =
      protocol === 'tcp'
        ? createServer().listen(0, '127.0.0.1')
        : createSocket('udp4').bind({ port: 0, address: '127.0.0.1' });
    await new Promise(resolve => server.once('listening', () => resolve(undefined)));
    const { port } = server.address() as AddressInfo;
    const here = { protocol, address: '127.0.0.1', port };
    expect(socketHolders([here]).get(here)?.pid).toBe(process.pid);
    expect(await isFree(here)).toBe(false);
    const elsewhere = { ...here, address: '127.0.0.2' };
    expect(socketHolders([elsewhere]).get(elsewhere)).toBeUndefined();
    expect(await isFree(elsewhere)).toBe(true);
    // an address that the machine has not
    expect(await isFree({ ...here, address: '192.0.2.99' })).toBe(true);
    await new Promise(resolve => server.close(() => resolve(undefined)));
    expect(await isFree(here)).toBe(true);
  });

  it('is not found where it is only connected', () => {
    const line = (state: string): string =>
      `   0: 00000000:192B 00000000:0000 ${state} 00000000:00000000 00:0 0 0 0 4711 1`;
    const listening = { address: '00000000', port: 6443, inode: '4711' };
    expect(boundSockets(`  sl  local_address\n${line('0A')}\n`, 'tcp')).toEqual([listening]);
    expect(boundSockets(line('01'), 'tcp')).toEqual([]);
    expect(boundSockets(line('07'), 'udp')).toEqual([listening]);
  });

  it.each([
    ['00000000', '10.0.0.5', true],
    ['0500000A', '10.0.0.5', true],
    ['3500007F', '10.0.0.5', false],
    ['3500007F', '0.0.0.0', true],
    ['00000000000000000000000000000000', '10.0.0.5', true],
    ['0000000000000000FFFF00000500000A', '10.0.0.5', true],
    ['000080FE000000000000000001000000', '10.0.0.5', false],
  ])('on %s is in the way of one on %s: %s', (address, wanted, is) => {
    const need = { protocol: 'udp', address: wanted, port: 53 } as const;
    expect(isInTheWay({ address, port: 53, inode: '1' }, need)).toBe(is);
    expect(isInTheWay({ address, port: 54, inode: '1' }, need)).toBe(false);
  });
});

describe('what a service proxy serves on', () => {
  it('is what the configuration of the proxy says', () => {
    const where = (proxy: object) => proxySockets({ ...proxy }).map(({ address, port }) => `${address}:${port}`);
    expect(where({})).toEqual(['0.0.0.0:10256', '127.0.0.1:10249']);
    expect(where({ healthzBindAddress: '10.0.0.5:20256', metricsBindAddress: '' })).toEqual([
      '10.0.0.5:20256',
      '127.0.0.1:10249',
    ]);
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

  it.each([
    ['joe:S@proxy:1', 'proxy:1'],
    ['http://joe:p/w@proxy:1', 'http://proxy:1'],
    ['http://joe:a@S@proxy', 'http://proxy'],
    ['http://joe:a/S@b@proxy/x', 'http://proxy/x'],
    ['HTTP://proxy:1', 'HTTP://proxy:1'],
    ['proxy:1', 'proxy:1'],
  ])('of %s is told as %s', (HTTPS_PROXY, proxy) => {
    expect(proxiedTargets(['10.0.0.5'], { HTTPS_PROXY })).toMatchObject([{ proxy }]);
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
