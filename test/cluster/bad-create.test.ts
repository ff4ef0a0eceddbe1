import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from '../../src/linux/command.ts';
import { TestCluster } from '../harness/cluster.ts';
import { gantryCommand } from '../harness/gantry-command.ts';
import { BUSYBOX, imageArchive } from '../harness/images.ts';
import { runDirectory } from '../harness/run-id.ts';
import { waitFor } from '../harness/wait-for.ts';

const clusters: TestCluster[] = [];
const newCluster = (clustersDir?: string): TestCluster => {
  const cluster = new TestCluster(clustersDir);
  clusters.push(cluster);
  return cluster;
};
const deleteAll = async (): Promise<void> => {
  for (const cluster of clusters.splice(0)) await cluster.delete();
};
const folder = runDirectory('bad-create');
function file(name: string, content: string): string {
  writeFileSync(`${folder}/${name}`, content);
  return `${folder}/${name}`;
}
const KIND = 'kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n';

describe('cluster create that is asked for what cannot be', () => {
  afterEach(deleteAll);

  it.each<[string, readonly string[], string]>([
    [
      'a name with capitals',
      ['--name=Demo'],
      '"Demo" is no cluster name: use 1 to 24 of a-z, 0-9 and "-", not at the ends',
    ],
    ['a long name', [`--name=${'a'.repeat(25)}`], `"${'a'.repeat(25)}" is no cluster name: use 1 to 24`],
    ['no node', ['--nodes=0'], '--nodes: 0 is not a number from 1 to 50'],
    ['fewer than none', ['--nodes=-1'], '--nodes: -1 is not a number from 1 to 50'],
    ['many nodes', ['--nodes=1000'], '--nodes: 1000 is not a number from 1 to 50'],
    ['a word of nodes', ['--nodes=two'], '--nodes: two is not a number from 1 to 50'],
    [
      'a subnet that is none',
      ['--subnet=foo'],
      '--subnet: "foo" is not a CIDR (address/prefix): give an IPv4 network, as',
    ],
    [
      'a subnet of IPv6',
      ['--subnet=fd00::/64'],
      '--subnet fd00::/64: give an IPv4 network with a prefix from /8 to /29',
    ],
    [
      'a tiny subnet',
      ['--subnet=10.210.0.0/30'],
      '--subnet 10.210.0.0/30: give an IPv4 network with a prefix from /8 to',
    ],
    ['a subnet without a place for each node', ['--subnet=10.250.9.0/29', '--nodes=8'], 'has no address for node 6'],
    [
      'the subnet of its services',
      ['--subnet=10.96.1.0/24'],
      '--subnet 10.96.1.0/24 meets 10.96.0.0/12, which is for the services of this cluster: give another',
    ],
    ["the machine's own subnet", ['--subnet=127.0.0.0/24'], 'meets 127.0.0.1/8, which is an address of this machine'],
    ['a configuration that is not there', ['--config=/none.yaml'], '--config: ENOENT: no such file or directory'],
    [
      'a configuration with an unknown field',
      ['--config', file('field.yaml', `${KIND}featureGates: {}\n`)],
      `${folder}/field.yaml:3: the field featureGates is not supported here; there are apiVersion, kind, name, nodes`,
    ],
    [
      'a configuration of another kind',
      ['--config', file('kind.yaml', 'kind: Pod\napiVersion: v1\n')],
      `${folder}/kind.yaml:1: it is no "kind: Cluster" of apiVersion kind.x-k8s.io/v1alpha4`,
    ],
    [
      'a role that there is not',
      ['--config', file('role.yaml', `${KIND}nodes:\n- role: master\n`)],
      `${folder}/role.yaml:4: nodes[0].role "master" is neither control-plane nor worker`,
    ],
    [
      'a kubeconfig that is none',
      ['--kubeconfig', file('broken.conf', 'a: [')],
      `${folder}/broken.conf is no kubeconfig: mend it, or name another file with --kubeconfig`,
    ],
    [
      'a kubeconfig below a file',
      ['--kubeconfig', `${file('plain', '')}/config`],
      `the kubeconfig ${folder}/plain/config cannot be written: EEXIST`,
    ],
    ['data in a file', [`--clusters-dir=${file('data', '')}`], `${folder}/data is no directory: name another place`],
    ['data below a file', [`--clusters-dir=${folder}/data/below`], `${folder}/data/below cannot be written: ENOTDIR`],
  ])('%s says so in one line and makes nothing', async (_, flags, line) => {
    const cluster = newCluster();
    const answer = await cluster.run(['create', `--kubeconfig=${cluster.kubeconfig}`, ...flags]);
    expect(answer.err).toMatch(/^gantry: [^\n]+\n$/);
    expect(answer.err).toContain(line);
    expect(answer.code).toBe(1);
    expect(await cluster.remains()).toEqual([]);
  });

  it('more nodes on a machine whose firewall drops what goes over bridges is told the rules that help', async () => {
    const cluster = newCluster();
    const create = gantryCommand(
      'cluster',
      'create',
      '--nodes=2',
      `--name=${cluster.name}`,
      `--clusters-dir=${folder}/c`,
    );
    const answer = await inEmptyNetwork('iptables -P FORWARD DROP', [...create, `--kubeconfig=${cluster.kubeconfig}`]);
    expect(answer.err).toMatch(
      /^gantry: a firewall of this machine drops what is forwarded \(the policy of the chain FORWARD of the table ip filter\), and bridges are filtered \(br_netfilter\), so nodes would not meet: iptables -I FORWARD -i (gantry-\S+) -j ACCEPT; iptables -I FORWARD -o \1 -j ACCEPT\n$/,
    );
  });

  it('a host where the kernel makes no more namespaces says which limits to raise', async () => {
    const cluster = newCluster();
    const create = gantryCommand('cluster', 'create', `--name=${cluster.name}`, `--clusters-dir=${folder}/n`);
    // a limit below that of the machine is set for a user namespace and what is in it
    const limit = 'ip link set lo up; echo 0 >/proc/sys/user/max_uts_namespaces; exec "$@"';
    const answer = await runCommand('unshare', [
      ...['--user', '--map-root-user', '--net', '--mount', 'sh', '-c', limit, 'limited'],
      ...[...create, `--kubeconfig=${cluster.kubeconfig}`],
    ]);
    expect(answer.stderr.toString('utf8')).toMatch(
      /^gantry: the kernel makes no more namespaces: raise the limits \(sysctl user\.max_net_namespaces, [^\n]+\n$/,
    );
  });
});

/** A command in a network namespace of its own, as a machine is before anybody looked after it but for what the script does. */
async function inEmptyNetwork(script: string, argv: readonly string[]): Promise<{ readonly err: string }> {
  const text = `ip link set lo up; sysctl -qw net.bridge.bridge-nf-call-iptables=1; ${script}; exec "$@"`;
  const answer = await runCommand('unshare', ['--net', 'sh', '-c', text, 'empty', ...argv]);
  return { err: answer.stderr.toString('utf8') };
}

describe('a cluster that is there', () => {
  const cluster = new TestCluster();
  beforeAll(async () => {
    // somebody else creates and deletes it at the same time
    const creating = cluster.start(['create', `--kubeconfig=${cluster.kubeconfig}`, '--subnet=10.250.0.0/24']);
    await waitFor('the network to be made', () => creating.seen().includes('Making the host'), { pauseMs: 2 });
    for (const words of [['delete'], ['stop']])
      expect((await cluster.run(words)).err).toContain(`the cluster "${cluster.name}" is in use by process`);
    expect((await cluster.run(['create'])).err).toContain(`there is a cluster "${cluster.name}" already`);
    expect(await creating.exited()).toBe(0);
  });
  afterAll(async () => {
    await cluster.delete();
    await deleteAll();
  });

  it('was made whole, whoever wanted it otherwise meanwhile', async () => {
    expect((await cluster.run(['status'])).code).toBe(0);
  });

  it('keeps its name: create says to choose another or to delete it', async () => {
    expect(await cluster.run(['create', `--kubeconfig=${cluster.kubeconfig}`])).toEqual({
      code: 1,
      out: '',
      err: `gantry: there is a cluster "${cluster.name}" already: choose another --name, or delete it with "gantry cluster delete --name ${cluster.name}"\n`,
    });
  });

  it('keeps its links and groups where another place for data is named', async () => {
    const other = `${folder}/other`;
    mkdirSync(other);
    const answer = await cluster.run(['create', `--clusters-dir=${other}`, `--kubeconfig=${cluster.kubeconfig}`]);
    expect(answer.err).toMatch(
      /^gantry: the link gantry-\S+ is there already, of a cluster "\S+" with another --clusters-dir: /,
    );
    expect((await cluster.run(['status'])).code).toBe(0);
  });

  it('keeps its subnet', async () => {
    const second = newCluster();
    const answer = await second.run(['create', `--kubeconfig=${second.kubeconfig}`, '--subnet=10.250.0.128/25']);
    expect(answer.err).toContain(
      `--subnet 10.250.0.128/25 meets 10.250.0.0/24, which is of the cluster "${cluster.name}": give another`,
    );
  });

  it('takes images from several at once, and of a broken archive says what it is', async () => {
    const archive = await imageArchive(BUSYBOX);
    const loads = await Promise.all([1, 2, 3].map(() => cluster.run(['load image', archive])));
    expect(loads.map(({ code }) => code)).toEqual([0, 0, 0]);
    const cut = file('cut.tar', '');
    writeFileSync(cut, readFileSync(archive).subarray(0, 300_000));
    for (const [bad, line] of [
      [cut, /^gantry: [^\n]+\n$/],
      [file('text.tar', 'not an archive'), /^gantry: [^\n]+\n$/],
      [`${folder}/none.tar`, /^gantry: the archive cannot be read: ENOENT[^\n]+\n$/],
    ] as const) {
      const answer = await cluster.run(['load image', bad]);
      expect(answer.err).toMatch(line);
      expect(answer.code).toBe(1);
    }
  });

  it('goes though its kubeconfig was broken meanwhile, and says which context stays', async () => {
    writeFileSync(cluster.kubeconfig, 'a: [');
    const answer = await cluster.run(['delete']);
    expect(answer.err).toBe(
      `gantry: The context "gantry-${cluster.name}" stays in ${cluster.kubeconfig}: ${cluster.kubeconfig} is no kubeconfig: mend it, or name another file with --kubeconfig\n`,
    );
    expect(answer.code).toBe(0);
    expect(await cluster.remains()).toEqual([]);
  });
});

describe('cluster create that is ended', () => {
  afterEach(deleteAll);

  it.each([
    ['SIGTERM', 'Making the host'],
    ['SIGHUP', '[wait-control-plane]'],
  ] as const)('by %s at "%s" takes away what it made', async (signal, line) => {
    const cluster = newCluster();
    const creating = cluster.start(['create', `--kubeconfig=${cluster.kubeconfig}`]);
    await waitFor(line, () => creating.seen().includes(line), { pauseMs: 2, timeoutMs: 60_000 });
    creating.child.kill(signal);
    expect(await creating.exited()).toBe(1);
    expect(creating.seen()).toMatch(new RegExp(`\ngantry: interrupted by ${signal}\n$`));
    expect(await cluster.remains()).toEqual([]);
  });
});
