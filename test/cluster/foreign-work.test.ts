import { rmSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Host } from '../../src/local-cluster/host/host.ts';
import { gantryCommand } from '../harness/gantry-command.ts';
import { run } from '../harness/host.ts';
import { difference, machine, RESET, SLOW, snapshot } from '../harness/reset-machine.ts';
import { waitFor } from '../harness/wait-for.ts';

const FLAGS = ['--apiserver-advertise-address=10.50.0.2', '--ignore-preflight-errors=NumCPU,Mem'];
const phase = (...names: readonly string[]) => gantryCommand('init', 'phase', ...names, ...FLAGS);

/** What phases have left for the commands after them. */
function forget(host: Host): void {
  for (const name of ['bootstrap.json', 'init-configuration.yaml']) rmSync(host.path(`/etc/gantry/${name}`));
}

describe('single phases of init on a machine that has something of somebody else', { timeout: 200_000 }, () => {
  let host: Host;
  beforeEach(async () => {
    host = await machine();
  });
  afterEach(() => host.delete());
  const sh = (script: string) => run(host, ['sh'], { input: script });
  const preflight = () => host.exec(gantryCommand('init', ...FLAGS), SLOW);

  it('leave preflight as strict as it was', async () => {
    await sh(`mkdir -p /etc/kubernetes/manifests /var/lib/etcd/member
      echo x >/etc/kubernetes/manifests/kube-apiserver.yaml; echo x >/etc/kubernetes/kubelet.conf
      setsid socat TCP-LISTEN:6443,fork - </dev/null >/dev/null 2>&1 &`);
    await waitFor('the port to be taken', async () => (await run(host, ['ss', '-ltn'])).includes(':6443'));
    const before = await snapshot(host);
    await run(host, phase('certs', 'sa'), SLOW);
    const { code, stderr, stdout } = await preflight();
    expect(code).toBe(2);
    for (const check of [
      'Port-6443',
      'FileAvailable--etc-kubernetes-manifests-kube-apiserver.yaml',
      'FileAvailable--etc-kubernetes-kubelet.conf',
      'DirAvailable--var-lib-etcd',
    ])
      expect(stderr).toContain(`[ERROR ${check}]`);
    expect(stdout).toContain('what they made is kept');
    await run(host, RESET, SLOW);
    expect(await difference(host, before)).toEqual([]);
  });

  it('let reset take what they have made and leave a whole control plane under the same names', async () => {
    for (const names of [
      ['certs', 'all'],
      ['kubeconfig', 'all'],
    ])
      await run(host, phase(...names), SLOW);
    // from here on nobody knows who made it
    forget(host);
    await sh(`mkdir -p /var/lib/etcd/member /var/lib/kubelet/pods/uid; echo x >/var/lib/kubelet/config.yaml
      rm /etc/kubernetes/pki/front-proxy-client.*`);
    const before = await snapshot(host);
    expect(await run(host, phase('certs', 'apiserver'), SLOW)).toContain('Using existing apiserver');
    expect(await difference(host, before)).toEqual([]);
    await run(host, phase('certs', 'front-proxy-client'), SLOW);
    const said = await run(host, [...RESET, '--dry-run'], SLOW);
    expect(said).toContain('Would remove /etc/kubernetes/pki/front-proxy-client.key');
    expect(said).toContain('Would leave as it is: /etc/kubernetes/pki/ca.key (it was here before)');
    expect(said).not.toMatch(/Would remove .*(admin\.conf|member|kubelet)/);
    await run(host, RESET, SLOW);
    expect(await difference(host, before)).toEqual([]);
  });

  it('and then init make a node together, and reset takes all of it', async () => {
    const before = await snapshot(host);
    for (const names of [
      ['preflight'],
      ['certs', 'all'],
      ['kubeconfig', 'all'],
      ['etcd', 'all'],
      ['control-plane', 'all'],
      ['kubelet-start'],
    ])
      await run(host, phase(...names), SLOW);
    const { code, stderr, stdout } = await preflight();
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('what they made is kept');
    expect((await preflight()).stdout).toContain('this node was initialized before');
    await run(host, RESET, SLOW);
    expect(await difference(host, before)).toEqual([]);
  });
});

describe('a node that was made of a machine with files of somebody else', { timeout: 200_000 }, () => {
  let host: Host;
  beforeEach(async () => {
    host = await machine();
  });
  afterEach(() => host.delete());
  const sh = (script: string) => run(host, ['sh'], { input: script });

  it('leaves them at reset, a CA of the admin too', async () => {
    await run(host, phase('certs', 'ca'), SLOW);
    forget(host);
    await run(host, ['sh', '-c', 'mkdir -p /var/lib/kubelet/pods; echo x >/var/lib/kubelet/config.json']);
    const before = await snapshot(host);
    await run(host, gantryCommand('init', ...FLAGS), SLOW);
    const said = await run(host, RESET, SLOW);
    expect(said).toContain('Left as it is: /etc/kubernetes/pki/ca.key (it was here before)');
    expect(await difference(host, before)).toEqual([]);
  });

  it('leaves a CA that came between an init which stopped for want of one and the next', async () => {
    await run(host, phase('certs', 'ca'), SLOW);
    await sh('mkdir /run/ca; mv /etc/kubernetes/pki/ca.* /run/ca');
    await run(host, RESET, SLOW);
    const stopped = await host.exec(gantryCommand('init', ...FLAGS, '--skip-phases=certs'), SLOW);
    expect([stopped.code, stopped.stderr]).toEqual([
      1,
      expect.stringContaining('/etc/kubernetes/pki/ca.crt is not there'),
    ]);
    await sh('mkdir -p /etc/kubernetes/pki; mv /run/ca/* /etc/kubernetes/pki; rmdir /run/ca');
    const sums = () => run(host, ['sh', '-c', 'cd /etc/kubernetes/pki; sha256sum *']);
    const before = await sums();
    expect(await run(host, gantryCommand('init', ...FLAGS), SLOW)).toContain('Using existing ca certificate authority');
    await run(host, RESET, SLOW);
    expect(await sums()).toBe(before);
  });
});
