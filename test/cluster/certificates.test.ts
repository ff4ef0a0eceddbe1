import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Event, Node } from '../../src/api/types/gen/core-v1.ts';
import {
  type ManagedCertificate,
  managedCertificates,
  readManaged,
} from '../../src/bootstrap/certificates/renewal/inventory.ts';
import { type Files, filesBelow } from '../../src/bootstrap/files.ts';
import type { Host } from '../../src/local-cluster/host/host.ts';
import { readClusterRecord } from '../../src/local-cluster/record.ts';
import { parseCertificate } from '../../src/pki/certificate.ts';
import { CLUSTERS_DIR, TestCluster } from '../harness/cluster.ts';
import { expireCertificates } from '../harness/expired-certificates.ts';
import { gantryCommand } from '../harness/gantry-command.ts';
import { Kubectl, newestKubectl } from '../harness/kubectl.ts';
import { RUN_DIR } from '../harness/run-id.ts';
import { waitFor } from '../harness/wait-for.ts';

/** Renewed at two thirds: a machine may be slow for a third of it. Some were renewed while the cluster was made, already. */
const LIFE_S = 45;
const RENEWALS = process.env['GANTRY_SOAK'] === '1' ? 20 : 1;
const NODES = ['control-plane', 'worker'];
const DAEMONS = ['gantry-etcd', 'gantry-control-plane', 'gantry-node'];

describe('a cluster whose certificates hold for seconds', { timeout: 180_000 + RENEWALS * LIFE_S * 1000 }, () => {
  const cluster = new TestCluster();
  let plane: Host;
  let files: Files;
  /** What belongs to nobody but this cluster, read anew by each kubectl. */
  let kubectl: Kubectl;
  let address = '';

  const fingerprint = (pem: string): string => parseCertificate(pem).fingerprint256;
  const served = (host: string, port: number): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect({ host, port, rejectUnauthorized: false }, () => {
        resolve(socket.getPeerX509Certificate()?.fingerprint256 ?? '');
        socket.destroy();
      });
      socket.once('error', reject);
    });
  const kubeletPem = (host: Host): string =>
    readFileSync(host.path(readlinkSync(host.path('/var/lib/kubelet/pki/kubelet-client-current.pem'))), 'utf8');
  const pids = (): (number | undefined)[] =>
    NODES.flatMap(node => DAEMONS.map(name => cluster.host(node).service(name).pid()));
  const found = (): [string, string][] =>
    managedCertificates(files)
      .filter(({ ofKubelet }) => !ofKubelet)
      .map(managed => {
        const present = readManaged(managed);
        return [managed.name, present.state === 'present' ? fingerprint(present.pem) : present.state];
      });

  beforeAll(async () => {
    await cluster.create('--nodes=2', `--certificate-validity-period=${LIFE_S}s`);
    plane = cluster.host('control-plane');
    files = filesBelow(plane.path('/'));
    const program = newestKubectl();
    if ('missing' in program) throw new Error(program.missing);
    kubectl = new Kubectl({ program: program.path, server: { folder: RUN_DIR }, kubeconfig: files.adminConf });
    const nodes = JSON.parse(await kubectl.ok('get nodes -o json')) as { items: Node[] };
    address =
      nodes.items
        .find(({ metadata }) => metadata.name === `${cluster.name}-control-plane`)
        ?.status?.addresses?.find(({ type }) => type === 'InternalIP')?.address ?? '';
  }, 180_000);
  afterAll(() => cluster.delete());

  it('answers every request and keeps every watch over renewals of all of them, and no process is restarted', async () => {
    const before = pids();
    const seen = new Map<string, Set<string>>();
    const kubelets = new Map<string, Set<string>>(NODES.map(node => [node, new Set()]));
    const watching = watch(files.adminConf);
    const failures: string[] = [];
    let asked = 0;
    let done = false;
    const asking = ['get nodes', `get --raw /api/v1/nodes/${cluster.name}-worker/proxy/healthz`].map(async command => {
      while (!done) {
        const { code, err } = await kubectl.run(command);
        asked += 1;
        if (code !== 0) failures.push(`${command}: ${err}`);
      }
    });
    await waitFor(
      `${RENEWALS} renewals of each certificate`,
      saw => {
        for (const [name, print] of found()) seen.set(name, (seen.get(name) ?? new Set()).add(print));
        for (const node of NODES) kubelets.get(node)?.add(fingerprint(kubeletPem(cluster.host(node))));
        const sets = [...seen, ...kubelets];
        saw(sets.map(([name, prints]) => [name, prints.size]));
        return failures.length > 0 || sets.every(([, prints]) => prints.size > RENEWALS);
      },
      { timeoutMs: LIFE_S * 1000 * (RENEWALS + 3) },
    );
    done = true;
    await Promise.all(asking);
    expect(failures).toEqual([]);
    expect(asked).toBeGreaterThan(20);
    expect(pids()).toEqual(before);
    await kubectl.ok('create configmap after --from-literal=a=b');
    await waitFor('the watch that was there before to tell of it', () => watching.seen().includes('after'));
    watching.child.kill();
  });

  it('serves with the newest, and tells when what was renewed and until when', async () => {
    const on = (name: string): ManagedCertificate['at'] =>
      managedCertificates(files).find(managed => managed.name === name)?.at ?? { form: 'kubeconfig', path: '' };
    const print = (name: string): string => {
      const at = on(name);
      return fingerprint(readFileSync(at.form === 'pair' ? at.certificate : at.path, 'utf8'));
    };
    const serving = (): string => fingerprint(readFileSync(plane.path('/var/lib/kubelet/pki/kubelet.crt'), 'utf8'));
    await waitFor('each server to show what is in its file', async saw => {
      const pairs = [
        [await served(address, 6443), print('apiserver')],
        [await served(address, 2379), print('etcd-server')],
        [await served(address, 10_250), serving()],
      ];
      saw(pairs);
      return pairs.every(([shown, kept]) => shown === kept);
    });
    const { items } = JSON.parse(await kubectl.ok('get events -A -o json')) as { items: Event[] };
    const told = items.filter(({ reason }) => reason === 'CertificateRenewed').map(({ message }) => message ?? '');
    expect(told).toEqual(expect.arrayContaining([expect.stringMatching(/^Renewed apiserver: it holds until 20\d\d-/)]));
    const { out } = await cluster.run(['logs', 'control-plane', '--service', 'gantry-control-plane', '--tail', '2000']);
    expect(out).toMatch(/"certificate":"etcd-server","because":"two thirds.*"until":"20/);
    expect(await kubectl.ok('get --raw /metrics')).toMatch(
      /gantry_certificate_expiration_timestamp_seconds\{name="apiserver"\} \d{10}/,
    );
  });

  it('recovers by itself from having been off for longer than they hold, and tells a worker what to do, who then joins again', async () => {
    const worker = cluster.host('worker');
    const nodeReady = (name: string) =>
      waitFor(
        `the node ${name} to be ready, by its lease too`,
        async saw => {
          const node = JSON.parse(await kubectl.ok(`get node ${cluster.name}-${name} -o json`)) as Node;
          saw(node.status?.conditions);
          return node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');
        },
        { timeoutMs: 60_000 },
      );
    expect(expireCertificates(plane, files, () => true)).toHaveLength(12);
    expect(expireCertificates(worker, files, name => name === 'kubelet-client')).toHaveLength(1);
    for (const name of DAEMONS) plane.service(name).signal('KILL');
    worker.service('gantry-node').signal('KILL');
    await waitFor('the API server with a certificate that holds', async saw => {
      const { code, err } = await kubectl.run('get --raw /readyz');
      saw(err);
      return code === 0;
    });
    await nodeReady('control-plane');
    const log = (): Promise<string> =>
      cluster.run(['logs', 'worker', '--service', 'gantry-node', '--tail', '50']).then(({ out }) => out);
    await waitFor('the worker to say what to do', async saw => {
      const text = await log();
      saw(text);
      return /expired at 20.*gantry token create --print-join-command/.test(text);
    });
    const printed = await cluster.onNode('control-plane', ...gantryCommand('token', 'create', '--print-join-command'));
    const [, ...join] = printed.trim().split(' ');
    const ip = readClusterRecord(cluster.name, CLUSTERS_DIR).nodes[1]?.address ?? '';
    await cluster.onNode('worker', ...gantryCommand(...join), `--node-name=${cluster.name}-worker`, `--node-ip=${ip}`);
    await nodeReady('worker');
    expect(Date.parse(parseCertificate(kubeletPem(worker)).validTo)).toBeGreaterThan(Date.now());
  });
});

/** A watch that is open all the time. */
function watch(kubeconfig: string): { readonly child: ChildProcess; readonly seen: () => string } {
  const program = newestKubectl();
  const child = spawn('missing' in program ? '' : program.path, [
    `--kubeconfig=${kubeconfig}`,
    ...'get configmaps --watch --output=name'.split(' '),
  ]);
  let seen = '';
  child.stdout.on('data', piece => {
    seen += String(piece);
  });
  return { child, seen: () => seen };
}
