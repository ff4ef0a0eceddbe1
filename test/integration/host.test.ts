import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isAlive } from '../../src/linux/procfs.ts';
import { createHost } from '../../src/local-cluster/host/create.ts';
import { type Host, openHost } from '../../src/local-cluster/host/host.ts';
import { run, testHost, withHost } from '../harness/host.ts';
import { RUN_DIR } from '../harness/run-id.ts';
import { waitFor } from '../harness/wait-for.ts';

describe('a host', () => {
  let host: Host;
  beforeAll(async () => {
    host = await testHost();
  });
  afterAll(() => host.delete());

  it('has namespaces, names and ids of its own', async () => {
    expect(await run(host, ['hostname'])).toBe(`${host.name}\n`);
    expect(await run(host, ['cat', '/proc/1/comm'])).toBe('catatonit\n');
    expect(await run(host, ['cat', '/proc/sys/kernel/random/boot_id'])).not.toBe(
      readFileSync('/proc/sys/kernel/random/boot_id', 'utf8'),
    );
    expect(await run(host, ['ls', '/sys/class/net'])).toBe('lo\n');
    expect(await run(host, ['cat', '/etc/machine-id'])).toMatch(/^[0-9a-f]{32}\n$/);
  });

  it('shows the root of every cgroup hierarchy to what runs inside', async () => {
    const lines = (await run(host, ['cat', '/proc/self/cgroup'])).trim().split('\n');
    expect(lines.map(l => l.split(':')[2]).filter(path => path !== '/' && path !== '/init')).toEqual([]);
  });

  it('keeps what is written in its directories away from the machine', async () => {
    await run(host, [
      'sh',
      '-c',
      'echo x > /etc/kubernetes/x; echo y > /var/lib/gantry/y; echo z > /opt/z; echo r > /run/r',
    ]);
    for (const path of ['/etc/kubernetes/x', '/var/lib/gantry/y', '/opt/z', '/run/r']) {
      expect(existsSync(path)).toBe(false);
      expect(existsSync(host.path(path))).toBe(true);
    }
    expect(readFileSync(`${host.dataDir}/root/var/lib/gantry/y`, 'utf8')).toBe('y\n');
  });

  it('hands input, code and output through', async () => {
    const result = await host.exec(['sh', '-c', 'cat; echo err >&2; exit 3'], { input: 'in', env: { A: 'b' } });
    expect(result).toEqual({ code: 3, stdout: 'in', stderr: 'err\n' });
    expect(await run(host, ['sh', '-c', 'echo $A; pwd'], { env: { A: 'b' }, cwd: '/etc' })).toBe('b\n/etc\n');
  });

  it('ends a command at its deadline, inside too', async () => {
    await expect(host.exec(['sleep', '471'], { timeoutMs: 100 })).rejects.toThrow('did not end within 100 ms');
    await waitFor(
      'sleep to be gone',
      async () => !(await run(host, ['ps', 'axo', 'stat,args'])).match(/[^Z]+ sleep 471/),
    );
  });

  it('starts a killed daemon again in under a second and keeps its output', async () => {
    const service = await host.supervise('demo', ['sh', '-c', 'echo "started with $WORD"; exec sleep 1000'], {
      WORD: "it's",
    });
    const first = await waitFor('the daemon', () => service.pid());
    // runsv waits a second when a run was shorter than that, so that a broken daemon does not spin
    await waitFor('a second of uptime', async () => {
      const age = await run(host, ['ps', '-o', 'etimes=', '-p', String(first)]);
      return Number(age) >= 2;
    });
    const killedAt = performance.now();
    service.signal('KILL');
    await waitFor('another pid', () => service.pid() !== undefined && service.pid() !== first, { pauseMs: 2 });
    expect(performance.now() - killedAt).toBeLessThan(1000);
    await waitFor('both lines', () => readFileSync(service.logFile, 'utf8') === "started with it's\n".repeat(2));
    await service.stop();
    expect(service.pid()).toBeUndefined();
  });

  it('is found by name from another process', () => {
    expect(openHost(host.name, `${RUN_DIR}/hosts`).pid1).toEqual(host.pid1);
  });

  it('claims its name', async () => {
    await expect(createHost({ name: host.name, hostsDir: `${RUN_DIR}/hosts` })).rejects.toThrow('exists already');
  });
});

describe('the end of a host', () => {
  it('takes every process with it, and delete takes the rest, also twice', async () => {
    const dataDir = await withHost(async host => {
      await run(host, ['sh', '-c', 'setsid sleep 1000 </dev/null >/dev/null 2>&1 & mount -t tmpfs x /mnt']);
      await host.kill();
      expect(isAlive(host.pid1)).toBe(false);
      expect(existsSync(host.dataDir)).toBe(true);
      await host.delete();
      return host.dataDir;
    });
    expect(existsSync(dataDir)).toBe(false);
  });
});
