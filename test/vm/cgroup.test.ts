import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Pod } from '../../src/api/types/gen/core-v1.ts';
import { waitFor } from '../harness/wait-for.ts';

/**
 * Pods on cgroup v2 in a VM whose PID 1 is systemd: the installed package's runtime unit and a kubelet that stands alone, with both drivers and both runtimes. A VM of its own, or the
 * running one that GANTRY_VM names, on which no node runs; GANTRY_DEB names a package that is built already. Eight starts of the daemons in emulation take some minutes, so that
 * only what the package installs is tried without GANTRY_SOAK=1.
 */
const SOAK = process.env['GANTRY_SOAK'] === '1';
const VM = process.env['GANTRY_VM'] ?? 'cgroup';
const IMAGE = 'localhost/busybox:1.35';
const MIB = 1 << 20;
/** Emulation: a start of both daemons takes some ten seconds on a machine that does other things too. */
const PATIENCE = { timeoutMs: 600_000, pauseMs: 100 };

const run = promisify(execFile);
const scripts = (name: string, ...args: readonly string[]): string =>
  execFileSync(`scripts/${name}`, args, {
    encoding: 'utf8',
    maxBuffer: 64 << 20,
    stdio: ['ignore', 'pipe', 'inherit'],
  });

/** What a command in the VM prints. */
async function vm(command: string): Promise<string> {
  const { stdout } = await run('scripts/vm', ['exec', VM, '--', 'sh', '-c', command], { maxBuffer: 64 << 20 });
  return stdout.trim();
}

const manifest = (name: string, command: readonly string[], resources: object): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', uid: `${name}-1` },
    spec: {
      hostNetwork: true,
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 1,
      containers: [{ name: 'main', image: IMAGE, command, resources }],
    },
  });

const KUBELET = {
  apiVersion: 'kubelet.config.k8s.io/v1beta1',
  kind: 'KubeletConfiguration',
  authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
  authorization: { mode: 'AlwaysAllow' },
  containerRuntimeEndpoint: 'unix:///run/gantry/cri.sock',
  failSwapOn: false,
  podPidsLimit: 500,
  staticPodPath: '/root/manifests',
};
const MANIFESTS: Readonly<Record<string, string>> = {
  plain: manifest('plain', ['sleep', '100000'], {
    requests: { cpu: '100m', memory: '16Mi' },
    limits: { cpu: '333m', memory: '32Mi' },
  }),
  busy: manifest('busy', ['sh', '-c', 'while :; do :; done'], { limits: { cpu: '200m', memory: '32Mi' } }),
  // what takes too much is not the container's first process, which would go on without it
  greedy: manifest('greedy', ['sh', '-c', 'trap "tail /dev/zero; sleep 100000" USR1; while :; do sleep 0.2; done'], {
    limits: { memory: '16Mi' },
  }),
};

let directory: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'gantry-vm-cgroup-'));
  if (process.env['GANTRY_VM'] === undefined) scripts('vm', 'boot', VM, '--net', VM);
  const deb = process.env['GANTRY_DEB'] ?? scripts('build-deb', '--fast').trim().split('\n').at(-1) ?? '';
  execFileSync('node', ['scripts/build-image.mjs', 'busybox', IMAGE, '--archive', join(directory, 'image.tar')]);
  writeFileSync(join(directory, 'kubelet.yaml'), JSON.stringify(KUBELET));
  for (const [name, text] of Object.entries(MANIFESTS)) writeFileSync(join(directory, `${name}.yaml`), text);
  scripts('vm', 'copy', VM, deb, ...['image.tar', 'kubelet.yaml'].map(name => join(directory, name)), '/root/cgroup');
  scripts('vm', 'copy', VM, ...Object.keys(MANIFESTS).map(name => join(directory, `${name}.yaml`)), '/root/pods');
  await vm('dpkg -i /root/cgroup/*.deb && mkdir -p /root/manifests /etc/gantry');
}, 600_000);

afterAll(() => {
  if (process.env['GANTRY_VM'] === undefined) scripts('vm', 'stop', VM);
  rmSync(directory, { recursive: true, force: true });
});

/** Starts the runtime's unit with that driver and runtime, and a kubelet that is told nothing of either. */
async function startDaemons(driver: string, runtime: string): Promise<void> {
  await vm(
    `printf 'runtime: ${runtime}\\n' > /root/cri.yaml; echo 'GANTRY_ARGS=--config /root/cri.yaml --cgroup-driver ${driver}' > /etc/gantry/gantry-cri.env;` +
      'systemctl start gantry-cri && gantry image import /root/cgroup/image.tar && systemd-run --quiet --unit alone -p KillMode=process -p Restart=always ' +
      'gantry run kubelet --standalone --config /root/cgroup/kubelet.yaml --root-dir /var/lib/kubelet --node-ip 192.168.77.11 --hostname-override n',
  );
}

async function pods(): Promise<ReadonlyMap<string, Pod>> {
  const { items = [] } = JSON.parse(await vm('curl -s http://127.0.0.1:10250/pods || echo "{}"')) as { items?: Pod[] };
  return new Map(items.map(pod => [pod.metadata.name?.replace(/-n$/, '') ?? '', pod]));
}

async function phase(name: string, wanted: string): Promise<Pod> {
  return waitFor(
    `pod ${name} to be ${wanted}`,
    async saw => {
      const pod = (await pods()).get(name);
      saw(pod?.status);
      return pod?.status?.phase === wanted ? pod : undefined;
    },
    PATIENCE,
  );
}

/** Everything of pods that systemd and the kernel know: groups, units with their transient files, units that failed. */
const leftovers = (): Promise<string> =>
  vm(
    "find /sys/fs/cgroup -name '*pod*-1*' -o -name '*pod*_1*' -o -name 'gantry-*.scope' | sort; systemctl list-units --all --no-legend --plain 'gantry-*.scope' 'kubepods-*pod*.slice' | cut -d' ' -f1;" +
      "ls /run/systemd/transient | grep -E 'gantry-|pod' | grep -v '^kubepods' || true; systemctl --failed --no-legend",
  );

const TABLE = [
  ['systemd', 'crun'],
  ['systemd', 'runc'],
  ['cgroupfs', 'crun'],
  ['cgroupfs', 'runc'],
] as const;
if (!SOAK) console.info('left out: runc and the driver cgroupfs on cgroup v2 are tried with GANTRY_SOAK=1');

describe.each(SOAK ? TABLE : TABLE.slice(0, 1))('pods on cgroup v2, by %s and %s', (driver, runtime) => {
  const kubepods = driver === 'systemd' ? '/sys/fs/cgroup/kubepods.slice' : '/sys/fs/cgroup/kubepods';
  const groups =
    driver === 'systemd'
      ? {
          plain: `${kubepods}/kubepods-burstable.slice/kubepods-burstable-podplain_1.slice`,
          busy: `${kubepods}/kubepods-podbusy_1.slice`,
        }
      : { plain: `${kubepods}/burstable/podplain-1`, busy: `${kubepods}/podbusy-1` };
  /** The group of the container, not of the pause process: it is the one with a quota. */
  const limited = (pod: keyof typeof groups): string => `$(dirname $(grep -L max ${groups[pod]}/*/cpu.max))`;

  beforeAll(async () => {
    await startDaemons(driver, runtime);
    await vm('cp /root/pods/*.yaml /root/manifests/');
    await phase('plain', 'Running');
    await phase('busy', 'Running');
  }, PATIENCE.timeoutMs * 2);

  afterAll(async () => {
    await vm('systemctl stop alone gantry-cri; systemctl reset-failed alone 2>/dev/null || true');
  });

  it('have the limits of their manifest, as a whole and each container', async () => {
    const files = (group: string): Promise<string> =>
      vm(`cd ${group} && tail -qn 1 cpu.weight cpu.max memory.max memory.swap.max memory.oom.group pids.max`);
    const percent = driver === 'systemd' ? '34000' : '33300';
    expect((await files(groups.plain)).split('\n')).toEqual([
      '4',
      `${percent} 100000`,
      String(32 * MIB),
      'max',
      '0',
      '500',
    ]);
    expect((await files(limited('plain'))).split('\n')).toEqual([
      '4',
      '33300 100000',
      String(32 * MIB),
      '0',
      '1',
      'max',
    ]);
    expect((await files(groups.busy)).split('\n').slice(0, 3)).toEqual(['8', '20000 100000', String(32 * MIB)]);
  });

  it('keep them when systemd reads its configuration anew', async () => {
    const ofContainer = ['cpu.weight', 'cpu.max', 'memory.max', 'memory.swap.max', 'memory.oom.group', 'pids.max'];
    const limits = `cd ${limited('plain')} && cat ${ofContainer.join(' ')} ${groups.plain}/cpu.max ${groups.plain}/memory.max ${groups.plain}/pids.max ${kubepods}/cpu.weight ${kubepods}/memory.max`;
    const before = await vm(limits);
    for (let n = 0; n < 3; n += 1) {
      await vm('systemctl daemon-reload');
      expect(await vm(limits)).toBe(before);
    }
  });

  it('get no more of a CPU than their limit', async () => {
    const used = async (): Promise<readonly [number, number]> => {
      const [usage = 0, uptime = 0] = (
        await vm(`awk '/usage_usec/ {print $2}' ${groups.busy}/cpu.stat; cut -d' ' -f1 /proc/uptime`)
      )
        .split('\n')
        .map(Number);
      return [usage, uptime];
    };
    const [usage, at] = await used();
    await waitFor('five seconds of the VM', async () => (await used())[1] > at + 5, PATIENCE);
    const [later, then] = await used();
    expect((later - usage) / 1e6 / (then - at)).toBeLessThan(0.25);
    expect(Number(await vm(`awk '/nr_throttled/ {print $2}' ${groups.busy}/cpu.stat`))).toBeGreaterThan(0);
  });

  it('end as a whole when they are out of memory, which is told', async () => {
    await phase('greedy', 'Running');
    await vm('systemctl daemon-reload; pkill -USR1 -f "^sh -c trap .*USR1"');
    const { status } = await phase('greedy', 'Failed');
    expect(status?.containerStatuses?.[0]?.state?.terminated).toMatchObject({ reason: 'OOMKilled', exitCode: 137 });
  });

  it('are told what they use', async () => {
    const summary = JSON.parse(await vm('curl -s http://127.0.0.1:10250/stats/summary')) as {
      pods: {
        podRef: { name: string };
        memory?: { usageBytes?: number };
        cpu?: { usageCoreNanoSeconds?: number };
        process_stats?: { process_count?: number };
      }[];
    };
    const busy = summary.pods.find(({ podRef }) => podRef.name === 'busy-n');
    expect(busy?.memory?.usageBytes).toBeGreaterThan(0);
    expect(busy?.cpu?.usageCoreNanoSeconds).toBeGreaterThan(1e6);
    expect(busy?.process_stats?.process_count).toBe(2);
    expect(await vm('curl -s http://127.0.0.1:10250/metrics/cadvisor')).toContain(
      `id="${groups.busy.replace('/sys/fs/cgroup', '')}`,
    );
  });

  it('run on while their daemons are killed, with what is in the group of the unit, and started anew', async () => {
    const processes = 'pgrep -f "sleep 10000[0]|while :[;]"';
    const before = await vm(processes);
    await vm('systemctl kill -s KILL gantry-cri alone');
    await vm('systemctl stop gantry-cri; systemctl daemon-reload; systemctl restart gantry-cri alone');
    await phase('plain', 'Running');
    expect(await vm(processes)).toBe(before);
    expect(await vm(`cat ${limited('plain')}/cpu.max ${limited('plain')}/memory.oom.group`)).toBe('33300 100000\n1');
    expect(
      await vm('for p in $(pgrep -x conmon); do cat /proc/$p/cgroup; done | sort -u | grep -vc gantry-conmon- || true'),
    ).toBe('0');
  });

  it('leave no group, no unit and nothing that failed', async () => {
    await vm('rm /root/manifests/*');
    await waitFor(
      'everything of the pods to be gone',
      async saw => {
        const left = await leftovers();
        saw(left);
        return left === '';
      },
      PATIENCE,
    );
    expect((await pods()).size).toBe(0);
  });
});
