import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestCluster } from '../harness/cluster.ts';
import { killAndRestart } from '../harness/fault.ts';
import { BUSYBOX, imageArchive } from '../harness/images.ts';
import { waitFor } from '../harness/wait-for.ts';

const PATIENCE = '--timeout=140s';
const CAPS = 'grep CapEff /proc/self/status';
/** Bits of the effective capabilities of a container that asks for nothing. */
const DEFAULT_CAPS = 0x5fbn;
const [NET_ADMIN, NET_RAW, SYS_PTRACE] = [1n << 12n, 1n << 13n, 1n << 19n];

describe('kubectl debug', { timeout: 300_000 }, () => {
  const cluster = new TestCluster();
  const kubectl = cluster.kubectl();
  const node = `${cluster.name}-control-plane`;

  const field = (object: string, path: string): Promise<string> => kubectl.ok(`get ${object} -o jsonpath={${path}}`);
  const ephemeral = (container: string): string => `.status.ephemeralContainerStatuses[?(@.name=="${container}")]`;
  const stateOf = (container: string, pod = 'web') => field(`pod ${pod}`, `${ephemeral(container)}.state`);
  const endOf = (container: string, pod = 'web') =>
    waitFor(`${container} of ${pod} to end`, async saw => {
      const state = await stateOf(container, pod);
      saw(state);
      return state.includes('"terminated"') && (JSON.parse(state) as { terminated: object }).terminated;
    });

  /** Runs a script in an ephemeral container of the pod to its end: what it wrote. */
  async function debug(pod: string, name: string, flags: string, script: string): Promise<string> {
    await kubectl.ok(`debug ${pod} --image=${BUSYBOX} -c ${name} ${flags} --attach=false -- sh -c`, script);
    await endOf(name, pod);
    return kubectl.ok(`logs ${pod} -c ${name}`);
  }

  /** Runs a script on the node by a pod that mounts its root, to its end: what it wrote. */
  async function debugNode(profile: string, script: string): Promise<string> {
    const said = await kubectl.ok(
      `debug node/${node} --image=${BUSYBOX} --profile=${profile} --attach=false -- sh -c`,
      script,
    );
    const pod = /pod (\S+) with/.exec(said)?.[1] ?? '';
    await kubectl.ok(`wait pod/${pod} --for=jsonpath={.status.phase}=Succeeded ${PATIENCE}`);
    const out = await kubectl.ok(`logs ${pod}`);
    await kubectl.ok(`delete pod ${pod} --wait=false`);
    return out;
  }

  async function podsRun(...pods: readonly object[]): Promise<void> {
    await kubectl.given(pods).ok('apply -f -');
    await kubectl.ok(`wait pod --all --for=condition=Ready ${PATIENCE}`);
  }

  beforeAll(async () => {
    await cluster.create();
    expect(await cluster.run(['load image', await imageArchive(BUSYBOX)])).toMatchObject({ code: 0, err: '' });
    await podsRun(
      pod('web', { containers: [sleeper('main')] }),
      pod('unprivileged', { securityContext: { runAsUser: 1000 }, containers: [sleeper('main')] }),
    );
  });
  afterAll(() => cluster.delete());

  it('looks into a container: its processes, its files and its network are there', async () => {
    const script = 'echo $(pidof httpd) > /proc/1/root/tmp/seen; ps -o pid,args; wget -qO- 127.0.0.1:8080/tmp/seen';
    const said = await debug('web', 'look', '--target=main --profile=general', script);
    expect(said).toMatch(/^ +1 sleep 3600$/m);
    expect(said.split('\n').at(-1)).toMatch(/^\d+$/);
  });

  it('has processes of its own where it looks into none', async () => {
    expect(await debug('web', 'own', '--profile=general', 'ps -o pid,args')).not.toContain('sleep 3600');
  });

  it('cannot look into a container that the pod has not', async () => {
    const refused = `debug web --image=${BUSYBOX} --target=nobody --profile=general --attach=false`;
    expect(await kubectl.fails(refused)).toMatch(
      /spec\.ephemeralContainers\[\d\]\.targetContainerName: Not found: "nobody"$/,
    );
  });

  it('leaves the pod as it was: ready, running, nothing of it restarted', async () => {
    await kubectl.ok(`debug web --image=${BUSYBOX} -c failing --profile=general --attach=false -- sh -c`, 'exit 3');
    expect(await endOf('failing')).toMatchObject({ exitCode: 3, reason: 'Error' });
    expect(await field('pod web', '.status.containerStatuses[0].restartCount')).toBe('0');
    const ready = '.status.conditions[?(@.type=="Ready")].status';
    expect([await field('pod web', '.status.phase'), await field('pod web', ready)]).toEqual(['Running', 'True']);
    expect(await field('pod web', `${ephemeral('failing')}.restartCount`)).toBe('0');
  });

  it('does not start again what has ended, when the kubelet is killed and starts anew', async () => {
    const before = await field('pod web', '.status.ephemeralContainerStatuses[*].containerID');
    await killAndRestart(cluster.host('control-plane').service('gantry-node'));
    // the kubelet is back when it starts another
    expect(await debug('web', 'zulu', '--profile=general', 'echo back')).toBe('back');
    const after = await field('pod web', '.status.ephemeralContainerStatuses[*].containerID');
    expect(after).toMatch(new RegExp(`^${before} \\S+$`));
  });

  it('tells of it in events and descriptions', async () => {
    const events = await kubectl.ok('events --for pod/web -o json');
    const { items } = JSON.parse(events) as { items: { reason: string; involvedObject: { fieldPath?: string } }[] };
    const told = items.filter(({ involvedObject }) => involvedObject.fieldPath === 'spec.ephemeralContainers{failing}');
    expect(told.map(({ reason }) => reason).toSorted()).toEqual(['Created', 'Pulled', 'Started']);
    expect(await kubectl.ok('describe pod web')).toMatch(
      /^Ephemeral Containers:\n {2}look:\n(.*\n)*? {4}State: +Terminated/m,
    );
  });

  it('follows the log of one that runs, until it ends', async () => {
    await kubectl.ok(
      `debug web --image=${BUSYBOX} -c talker --profile=general --attach=false -- sh -c`,
      'for i in 1 2 3; do echo $i; sleep 0.2; done',
    );
    await waitFor('the log to begin', async () => (await kubectl.run('logs web -c talker')).code === 0);
    expect(await kubectl.ok('logs -f web -c talker')).toBe('1\n2\n3');
  });

  it.each([
    ['an image that cannot be had', `${BUSYBOX}-missing --image-pull-policy=Never`, 'true', 'ErrImageNeverPull'],
    ['a command that is not in the image', BUSYBOX, 'nowhere', 'StartError'],
  ])('tells the reason for %s', async (_what, image, command, reason) => {
    const name = reason.toLowerCase();
    await kubectl.ok(`debug web --image=${image} -c ${name} --profile=general --attach=false -- ${command}`);
    await waitFor(`the reason of ${name}`, async saw => {
      const state = await stateOf(name);
      saw(state);
      return state.includes(`"reason":"${reason}"`);
    });
    expect(await kubectl.ok('get pod web --no-headers')).toMatch(/^web +1\/1 +Running +0 /);
  });

  it('gives the capabilities that its profile promises', async () => {
    const given = await Promise.all(
      ['general', 'baseline', 'netadmin'].map(name => debug('web', name, `--profile=${name}`, CAPS)),
    );
    expect(given.map(capabilities)).toEqual([
      DEFAULT_CAPS | SYS_PTRACE,
      DEFAULT_CAPS,
      DEFAULT_CAPS | NET_ADMIN | NET_RAW,
    ]);
  });

  it('gives everything with the profile sysadmin, and nothing with restricted', async () => {
    const all = await debug('web', 'sysadmin', '--profile=sysadmin', `${CAPS}; grep Seccomp: /proc/self/status`);
    expect(capabilities(all)).toBeGreaterThan(1n << 39n);
    expect(all).toMatch(/^Seccomp:\s+0$/m);
    const script = `${CAPS}; id -u; grep -E "NoNewPrivs|Seccomp:" /proc/self/status`;
    const none = await debug('unprivileged', 'restricted', '--profile=restricted', script);
    expect(none).toMatch(/^CapEff:\s+0+\n1000\nNoNewPrivs:\s+1\nSeccomp:\s+2$/);
  });

  it('works on a copy: another image, processes that are shared, the first pod left alone', async () => {
    await kubectl.ok(
      `debug web --copy-to=copy --share-processes --set-image=main=${BUSYBOX} --image=${BUSYBOX} -c tools --profile=general --attach=false -- sh -c`,
      'ps -o pid,args; sleep 3600',
    );
    await kubectl.ok(`wait pod/copy --for=condition=Ready ${PATIENCE}`);
    const seen = await waitFor('the tools to have looked', async () => {
      const out = await kubectl.ok('logs copy -c tools');
      return out.includes('sleep 3600') && out;
    });
    expect(seen).toMatch(/^ +1 \/catatonit/m);
    expect(await field('pod copy', '.spec.shareProcessNamespace')).toBe('true');
    expect(await field('pod copy', '.metadata.labels')).toBe('');
    await kubectl.ok(
      'debug web --copy-to=web-2 --replace --same-node --profile=general --attach=false -c main -- sleep 3600',
    );
    await kubectl.ok(`wait pod/web-2 --for=condition=Ready ${PATIENCE}`);
    expect(await kubectl.fails('get pod web')).toBe('Error from server (NotFound): pods "web" not found');
  });

  it('works on a node: its root below /host, its processes, its network, its ipc', async () => {
    const script =
      'cat /host/etc/hostname; hostname; ps -o args | grep -c "[r]un node"; ip -o -4 addr show eth0; readlink /proc/self/ns/ipc';
    const [file, name, processes, address = '', ipc] = (await debugNode('general', script)).split('\n');
    expect([file, name, processes]).toEqual([node, node, '1']);
    const ip = await field(`node ${node}`, '.status.addresses[?(@.type=="InternalIP")].address');
    expect(address).toContain(` ${ip}/`);
    expect(ipc).toBe((await cluster.onNode('control-plane', 'readlink', '/proc/1/ns/ipc')).trim());
  });

  it('changes the root of a node to it with the profile sysadmin, and may not without', async () => {
    expect(await debugNode('sysadmin', 'chroot /host cat /etc/hostname')).toBe(node);
    expect(await debugNode('general', 'chroot /host true 2>&1 || true')).toContain('Operation not permitted');
    expect(await debugNode('baseline', 'ls -d /host 2>&1 || hostname')).toMatch(
      /No such file or directory\nnode-debugger-/,
    );
  });
});

function capabilities(status: string): bigint {
  return BigInt(`0x${/CapEff:\s+([0-9a-f]+)/.exec(status)?.[1] ?? ''}`);
}

function pod(name: string, spec: object): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { name } },
    spec: { terminationGracePeriodSeconds: 0, ...spec },
  };
}

function sleeper(name: string): object {
  return { name, image: BUSYBOX, command: ['sh', '-c', 'httpd -p 8080 -h /; exec sleep 3600'] };
}
