import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { BundleManifest } from '../../src/diagnosis/bundle/write-bundle.ts';
import type { StatusFacts } from '../../src/diagnosis/status/facts.ts';
import { TestCluster } from '../harness/cluster.ts';
import { gantryCommand } from '../harness/gantry-command.ts';
import { run } from '../harness/host.ts';
import { hungMount } from '../harness/hung-mount.ts';
import { waitFor } from '../harness/wait-for.ts';

/** What `gantry status` may take, and the start of Node on a machine with much to do. */
const STATUS_MS = 5000 + 3000;
/** Programs that are asked one after the other, beside the status. */
const BUNDLE_MS = 20_000;

type Report = Omit<StatusFacts, 'certificates'> & {
  readonly problems: readonly { readonly part: string; readonly what: string; readonly remedy: string }[];
  readonly certificates: readonly { readonly name: string; readonly validity: string }[];
};

describe('a directory of the node that hangs', { timeout: 120_000 }, () => {
  const cluster = new TestCluster();
  let free: () => Promise<void> = async () => undefined;

  const hang = async (node: string, path: string, mode: 'stopped' | 'swallow'): Promise<void> => {
    const host = cluster.host(node);
    const mount = await hungMount(host, path, mode);
    free = async () => {
      mount.end();
      // who held the file system open lets go of it when its server is gone
      await waitFor('the mount to go', async () => (await host.exec(['umount', path])).code === 0);
      free = async () => undefined;
    };
  };
  const gantry = async (node: string, ...words: readonly string[]) => {
    const begun = performance.now();
    const answer = await cluster.host(node).exec(gantryCommand(...words), { timeoutMs: 60_000 });
    return { ...answer, took: performance.now() - begun };
  };
  const status = async (node: string) => {
    const { took, stdout, code } = await gantry(node, 'status', '-o', 'json');
    return { took, code, report: JSON.parse(stdout) as Report };
  };

  beforeAll(async () => {
    await cluster.create('--nodes=2');
  });
  afterEach(() => free());
  afterAll(() => cluster.delete());

  it.each([
    ['control-plane', '/var/lib/kubelet', 'stopped'],
    ['control-plane', '/var/lib/kubelet', 'swallow'],
    ['control-plane', '/etc/kubernetes', 'stopped'],
    ['control-plane', '/var/lib/gantry', 'stopped'],
    ['worker', '/var/lib/kubelet/pki', 'stopped'],
    ['worker', '/etc/kubernetes/pki', 'stopped'],
    ['worker', '/etc/gantry', 'stopped'],
  ] as const)('is told of by gantry status on a %s: %s, %s, beside all the rest', async (node, path, mode) => {
    await hang(node, path, mode);
    const { took, code, report } = await status(node);
    expect(took).toBeLessThan(STATUS_MS);
    expect(code).toBe(1);
    expect(report.silentPlaces).toEqual([{ path, waitedMs: 1500 }]);
    expect(report.problems[0]).toMatchObject({
      part: `directory ${path}`,
      what: expect.stringMatching(`^${path} did not answer within 1.5 s: `),
    });
    expect(report.role).toBe(node === 'worker' ? 'node' : 'control-plane');
    // a host's supervisor has its units there; systemd, none
    if (path !== '/etc/gantry') expect(report.daemons.every(({ status: { answered } }) => answered)).toBe(true);
    expect(report.runtime).toMatchObject({ answered: true, name: 'gantry' });
    if (path !== '/etc/kubernetes' && !(node === 'worker' && path.startsWith('/var/lib/kubelet')))
      expect(report.apiServer).toMatchObject({ answered: true, healthy: true });
    expect(report.disks.length).toBeGreaterThan(1);
    expect(report.certificates.length).toBeGreaterThan(0);
    const silent = report.certificates.filter(({ validity }) => validity === 'unknown').map(({ name }) => name);
    if (path === '/etc/kubernetes') expect(silent).toContain('apiserver');
    if (node === 'control-plane' && path === '/var/lib/kubelet') expect(silent).toContain('kubelet-client');
    const screen = (await gantry(node, 'status')).stdout;
    expect(screen).toMatch(new RegExp(`^Silent +${path} did not answer within 1.5 s$`, 'm'));
  });

  it.each([
    ['control-plane', '/var/lib/kubelet', 'stopped'],
    ['control-plane', '/var/lib/kubelet', 'swallow'],
    ['control-plane', '/etc/kubernetes', 'stopped'],
    ['worker', '/var/lib/gantry', 'stopped'],
  ] as const)('is left out of a support bundle of a %s: %s, %s, and the rest is in it', async (node, path, mode) => {
    await hang(node, path, mode);
    const { took, code, stdout, stderr } = await gantry(node, 'support-bundle', '--output=/run/hung.tar.gz', '--force');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(took).toBeLessThan(BUNDLE_MS);
    expect(stdout).toContain(`${path} did not answer within 1.5 s`);
    const manifest = manifestOf(cluster.host(node).path('/run/hung.tar.gz'));
    expect(manifest.missing).toContainEqual({
      path,
      because: `${path} did not answer within 1.5 s: nothing of it is here`,
    });
    const names = manifest.files.map(file => file.path);
    for (const name of ['status.txt', 'certificates.json', 'runtime/pods.json', 'network/addresses.txt'])
      expect(names).toContain(name);
    for (const name of ['machine/disks.txt', 'machine/inodes.txt']) expect(names).toContain(name);
    expect(names.filter(name => name.startsWith(`configuration${path}/`))).toEqual([]);
    if (path !== '/etc/kubernetes') expect(names).toContain('configuration/etc/kubernetes/kubelet.conf');
  });

  it('is told of, and not read, where links of files lead to it', async () => {
    const host = cluster.host('worker');
    const links = ['/etc/kubernetes/pki/apiserver.crt', '/etc/kubernetes/pki/extra.key'];
    for (const link of links) await run(host, ['ln', '-s', '/run/hung/file', link]);
    await hang('worker', '/run/hung', 'stopped');
    try {
      const { took, code, report } = await status('worker');
      expect({ code, silentPlaces: report.silentPlaces }).toEqual({
        code: 1,
        silentPlaces: links.map(path => ({ path, leadsTo: '/run/hung/file', waitedMs: 1500 })),
      });
      expect(took).toBeLessThan(STATUS_MS);
      expect(report.role).toBe('node');
      expect(report.problems.map(({ part }) => part)).toEqual(links.map(path => `link ${path}`));
      const bundle = await gantry('worker', 'support-bundle', '--output=/run/hung.tar.gz', '--force');
      expect({ code: bundle.code, stderr: bundle.stderr }).toEqual({ code: 0, stderr: '' });
      expect(bundle.took).toBeLessThan(BUNDLE_MS);
      const { missing } = manifestOf(host.path('/run/hung.tar.gz'));
      for (const path of links)
        expect(missing).toContainEqual({ path, because: expect.stringMatching(/did not answer/) });
    } finally {
      await free();
      await run(host, ['rm', ...links]);
    }
  });

  it('is all that can be told where it would show whether this machine is a node', async () => {
    const host = cluster.host('worker');
    await run(host, ['mv', '/etc/gantry/bootstrap.json', '/run/bootstrap.json']);
    await hang('worker', '/etc/kubernetes', 'stopped');
    try {
      const { took, code, stdout, stderr } = await gantry('worker', 'status');
      expect({ code, stdout, stderr }).toEqual({
        code: 1,
        stdout: '',
        stderr: 'gantry: whether this machine is a node cannot be told: /etc/kubernetes did not answer within 1.5 s\n',
      });
      expect(took).toBeLessThan(STATUS_MS);
    } finally {
      await free();
      await run(host, ['mv', '/run/bootstrap.json', '/etc/gantry/bootstrap.json']);
    }
  });
});

function manifestOf(file: string): BundleManifest {
  const tar = spawnSync('tar', ['-xzOf', file, '--wildcards', '*/manifest.json']);
  rmSync(file);
  return JSON.parse(String(tar.stdout)) as BundleManifest;
}
