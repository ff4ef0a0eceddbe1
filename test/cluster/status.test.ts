import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { filesBelow } from '../../src/bootstrap/files.ts';
import { TestCluster } from '../harness/cluster.ts';
import { expireCertificates } from '../harness/expired-certificates.ts';
import { gantryCommand } from '../harness/gantry-command.ts';
import { withHost } from '../harness/host.ts';
import { waitFor } from '../harness/wait-for.ts';

interface Report {
  readonly healthy: boolean;
  readonly problems: readonly { readonly part: string; readonly what: string; readonly remedy: string }[];
  readonly daemons: readonly { readonly name: string; readonly status: { readonly pid: number } }[];
}

/** What the whole may take, and the start of Node on a machine with much to do. */
const WHOLE_MS = 5000 + 3000;

// each step leaves the nodes as well as it found them
describe('gantry status', { timeout: 120_000 }, () => {
  const cluster = new TestCluster();
  const status = (node: string, ...flags: readonly string[]) =>
    cluster.run(['exec', node, '--', ...gantryCommand('status', ...flags)]);
  const daemon = (node: string, name: string) => cluster.host(node).service(`gantry-${name}`);

  /** The parts with problems, once they are as wanted. */
  const parts = async (node: string, ...wanted: readonly string[]): Promise<Report> =>
    waitFor(
      `${node} to have problems with ${wanted.length === 0 ? 'nothing' : wanted.join(', ')}`,
      async saw => {
        const { code, out, err } = await status(node, '-o', 'json');
        saw({ code, err, out });
        const report = JSON.parse(out) as Report;
        expect(code).toBe(report.healthy ? 0 : 1);
        return report.problems.map(({ part }) => part).join() === wanted.join() && report;
      },
      { timeoutMs: 60_000 },
    );

  beforeAll(async () => {
    await cluster.create('--nodes=2');
  });
  afterAll(() => cluster.delete());

  it('shows a control plane on which all is well', async () => {
    await parts('control-plane');
    const { code, out, err } = await status('control-plane');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/^\S+-control-plane \(control plane\): all well\n/);
    for (const name of ['etcd', 'control-plane', 'cri', 'node'])
      expect(out).toMatch(new RegExp(`^gantry-${name} +running +\\d\\S* +\\d+ +\\d+ MiB`, 'm'));
    expect(out).toMatch(/^Node +Ready/m);
    expect(out).toMatch(/^Kubelet +healthy$/m);
    expect(out).toMatch(/^Runtime +gantry v1\.36\.\S+, (crun|runc) \d\S+, RuntimeReady, NetworkReady$/m);
    expect(out).toMatch(/^Proxy +nftables, healthy$/m);
    expect(out).toMatch(/^API server +https:\/\/\S+:6443, ready, v1\.36\./m);
    expect(out).toMatch(/^etcd +\S+-control-plane leads, 3\.\S+, .*; no alarms$/m);
    expect(out).toMatch(/^Certificates +16, the first \(\S+\) expires in \d+d$/m);
    expect(out).not.toContain('What to do');
  });

  it('shows a node that has joined, with what its kubelet may ask', async () => {
    await parts('worker');
    const { code, out } = await status('worker');
    expect(code).toBe(0);
    expect(out).toMatch(/^\S+-worker \(node\): all well\n/);
    expect(out).toMatch(/^Node +Ready/m);
    expect(out).toMatch(/^API server +https:\/\/\S+:6443, ready, v1\.36\./m);
    expect(out).not.toMatch(/^(etcd |gantry-etcd|gantry-control-plane)/m);
  });

  it.each([
    ['control-plane', 'etcd'],
    ['control-plane', 'control-plane'],
    ['control-plane', 'cri'],
    ['worker', 'cri'],
    ['worker', 'node'],
  ])('tells on %s that %s was stopped, as the only cause, and how it is started', async (node, name) => {
    await daemon(node, name).stop();
    const report = await parts(node, `gantry-${name}`);
    expect(report.problems[0]).toMatchObject({
      what: expect.stringMatching(/^it does not run/),
      remedy: `sv up /run/host-services/gantry-${name}; gantry logs ${name}`,
    });
    await cluster.onNode(node, 'sv', 'up', `/run/host-services/gantry-${name}`);
    await parts(node);
  });

  it.each([
    ['control-plane', 'etcd', /^etcd: it does not answer: .*\n.*gantry logs etcd$/m],
    ['control-plane', 'control-plane', /^ {2}API server: it does not answer: no answer within 2.5 s\n/m],
    ['worker', 'cri', /^ {2}runtime: it does not answer: no answer within 2.5 s\n/m],
    ['worker', 'node', /^ {2}kubelet: it does not answer: no answer within 2.5 s\n {4}-> gantry logs node$/m],
  ])('is not held up on %s by %s that stands still', async (node, name, line) => {
    daemon(node, name).signal('STOP');
    const begun = performance.now();
    const { code, out } = await status(node);
    const took = performance.now() - begun;
    daemon(node, name).signal('CONT');
    expect(code).toBe(1);
    expect(out.replace(/^ {2}(?=etcd: )/m, '')).toMatch(line);
    expect(took).toBeLessThan(WHOLE_MS);
    await parts(node);
  });

  it('tells from a node that the API server of the other is away', async () => {
    await daemon('control-plane', 'control-plane').stop();
    const report = await parts('worker', 'API server');
    expect(report.problems[0]).toMatchObject({ remedy: 'run "gantry status" on the control plane' });
    daemon('control-plane', 'control-plane').start();
    await parts('worker');
  });

  it('tells of a certificate that has expired, and what renews it', async () => {
    const plane = cluster.host('control-plane');
    await daemon('control-plane', 'control-plane').stop();
    const files = filesBelow(plane.path('/'));
    expect(expireCertificates(plane, files, name => name === 'front-proxy-client')).toHaveLength(1);
    const report = await parts('control-plane', 'gantry-control-plane', 'certificate front-proxy-client');
    expect(report.problems[1]).toMatchObject({
      what: expect.stringMatching(/^it expired at 20\d\d-.*Z, \d+m ago$/),
      remedy: 'gantry certs renew front-proxy-client; gantry logs control-plane',
    });
    await cluster.onNode('control-plane', ...gantryCommand('certs', 'renew', 'front-proxy-client'));
    daemon('control-plane', 'control-plane').start();
    await parts('control-plane');
  });

  it('tells what a kubelet certificate that has expired needs, on a node', async () => {
    const worker = cluster.host('worker');
    await daemon('worker', 'node').stop();
    const authorities = filesBelow(cluster.host('control-plane').path('/'));
    expect(expireCertificates(worker, authorities, name => name === 'kubelet-client')).toHaveLength(1);
    const { problems } = await parts('worker', 'gantry-node', 'certificate kubelet-client', 'API server');
    expect(problems[1]?.remedy).toContain('gantry token create --print-join-command');
    expect(problems[2]?.what).toContain('has expired');
  });

  it('takes no word that it does not know', async () => {
    for (const flags of [['--output=yaml'], ['--nonsense'], ['word']]) {
      const { code, err } = await status('control-plane', ...flags);
      expect({ flags, code }).toEqual({ flags, code: 2 });
      expect(err).toMatch(/^error: /);
    }
  });

  it('says that it has to be root', async () => {
    const { code, err } = await cluster.run([
      ...['exec', 'control-plane', '--', 'setpriv', '--reuid=65534', '--clear-groups'],
      ...gantryCommand('status'),
    ]);
    expect({ code, err }).toEqual({
      code: 2,
      err: expect.stringMatching(/^gantry: gantry status has to be run as root/),
    });
  });

  it('says of a machine that is no node how it becomes one', async () => {
    await withHost(async host => {
      const { code, stdout, stderr } = await host.exec(gantryCommand('status'), { timeoutMs: 30_000 });
      expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
      expect(stderr).toBe(
        'gantry: this machine is no node: "gantry init" makes it the first one of a cluster, "gantry join" one of a cluster that there is\n',
      );
    });
  });
});
