import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FAULT_POINTS } from '../../src/linux/fault-point.ts';
import { ContainerState, PodSandboxConfig } from '../../src/rpc/cri-api.ts';
import { containerConfig, podConfig, removeCriPod } from '../harness/cri-pod.ts';
import { armedFaults, armFaults, waitForRestart } from '../harness/fault.ts';
import { expectNoLeftovers } from '../harness/pod-leftovers.ts';
import { gantryHost, type RuntimeHost } from '../harness/runtime-host.ts';
import { waitFor } from '../harness/wait-for.ts';

/**
 * runc with a stand-in for its `checkpoint`, since CRIU does not work on every kernel: it writes files of CRIU's names, or fails, or waits for
 * a file, as another file says.
 */
const STAND_IN = `#!/bin/sh
case " $* " in *" checkpoint "*) ;; *) exec runc "$@" ;; esac
for argument; do
  case $argument in
    --image-path=*) images=\${argument#*=} ;;
    --work-path=*) work=\${argument#*=} ;;
  esac
done
printf '%s\\n' '(00.01) begun' >"$work/dump.log"
case $(cat /etc/gantry/dump) in
  fail)
    printf '%s\\n' '(00.02) Error (criu/files.c:1): cannot dump a file' '(00.03) Unlock network' >>"$work/dump.log"
    printf '%s\\n' 'time="2026-01-01T00:00:00Z" level=error msg="criu failed: type NOTIFY errno 0\\nlog file: /some/dump.log"' >&2
    exit 1 ;;
  wait) until [ -e /etc/gantry/go ]; do sleep 0.1; done ;;
esac
echo core >"$images/core-1.img"
echo stats >"$work/stats-dump"
`;
/** Both find the machine's CRIU where it has one. */
const CRIU = '#!/bin/sh\nPATH=/usr/local/sbin:/usr/sbin:/sbin exec criu "$@"\n';
const LOCATION = '/var/lib/kubelet/checkpoints/one.tar';

/** Why CRIU cannot work on this machine; undefined where it can. */
function criuRefusal(): string | undefined {
  const { error, status, stdout, stderr } = spawnSync('criu', ['check'], { encoding: 'utf8' });
  if (error !== undefined) return `CRIU cannot be run: ${error.message}`;
  return status === 0 ? undefined : `criu check: ${`${stdout}${stderr}`.trim().split('\n')[0]}`;
}

let target: RuntimeHost;
let pod: { readonly sandboxId: string; readonly containerId: string };

async function runPod(name: string, runtimeHandler: string): Promise<typeof pod> {
  const { client } = target;
  const config = podConfig(name);
  // a group that the shim makes, it takes away
  const sandboxConfig = PodSandboxConfig.fromPartial({ ...config, linux: { ...config.linux, cgroupParent: '' } });
  const { podSandboxId } = await client.runPodSandbox({ config: sandboxConfig, runtimeHandler });
  const container = containerConfig(['/bin/sh', '-c', 'echo started; while :; do sleep 1000; done']);
  const { containerId } = await client.createContainer({ podSandboxId, config: container, sandboxConfig });
  await client.startContainer({ containerId });
  return { sandboxId: podSandboxId, containerId };
}

const checkpoint = (containerId: string, timeout = 30n) =>
  target.client.checkpointContainer({ containerId, location: LOCATION, timeout });
const dump = (how: 'work' | 'fail' | 'wait') => writeFileSync(target.host.path('/etc/gantry/dump'), how);
const tar = (...args: string[]) => execFileSync('tar', args, { encoding: 'utf8' }).trim().split('\n');

/** What checkpoints keep while they are at work. */
function atWork(): readonly string[] {
  const names = (path: string): string[] => (existsSync(path) ? readdirSync(path) : []);
  const { host } = target;
  return [
    ...names(host.path('/var/lib/gantry/checkpoints')),
    ...names(host.path('/var/lib/gantry/trash')),
    ...names(host.path('/var/lib/kubelet/checkpoints')).filter(name => name.startsWith('.')),
  ];
}

async function expectRunning(containerId: string): Promise<void> {
  const { status } = await target.client.containerStatus({ containerId, verbose: false });
  expect(status?.state).toBe(ContainerState.CONTAINER_RUNNING);
  const { stdout } = await target.client.execSync({ containerId, cmd: ['echo', 'here'], timeout: 10n });
  expect(stdout.toString()).toBe('here\n');
}

beforeAll(async () => {
  target = await gantryHost({
    criConfig: 'runtimes:\n  stand-in: { path: /etc/gantry/bin/runc-stand-in }\n',
    environment: [`PATH=/etc/gantry/bin:${process.env['PATH']}`],
    prepare(host) {
      mkdirSync(host.path('/etc/gantry/bin'), { recursive: true });
      mkdirSync(host.path('/var/lib/kubelet/checkpoints'), { recursive: true });
      writeFileSync(host.path('/etc/gantry/bin/runc-stand-in'), STAND_IN, { mode: 0o755 });
      writeFileSync(host.path('/etc/gantry/bin/criu'), CRIU, { mode: 0o755 });
    },
  });
  dump('work');
  pod = await runPod('checkpointed', 'stand-in');
});
afterAll(() => target.delete());

describe('CheckpointContainer', () => {
  it('writes an archive in containerd’s layout, and the container runs on', async () => {
    const cmd = ['sh', '-c', 'mkdir /made && echo new >/made/file && rm /bin/busybox'];
    await target.client.execSync({ containerId: pod.containerId, cmd, timeout: 10n });
    await checkpoint(pod.containerId);
    const archive = target.host.path(LOCATION);
    expect(statSync(archive).mode & 0o777).toBe(0o600);
    expect(tar('-tf', archive)).toEqual([
      'checkpoint/',
      'checkpoint/core-1.img',
      'rootfs-diff.tar',
      'config.dump',
      'spec.dump',
      'status.dump',
      'status',
      'dump.log',
      'stats-dump',
      'container.log',
    ]);
    const text = (name: string): string => tar('-xOf', archive, name).join('\n');
    expect(JSON.parse(text('config.dump'))).toMatchObject({ id: pod.containerId, name: 'main', runtime: 'runc' });
    expect(JSON.parse(text('spec.dump'))).toMatchObject({ process: { args: ['/bin/sh', '-c', expect.anything()] } });
    expect(text('container.log')).toMatch(/stdout F started$/);
    const layer = execFileSync('tar', ['-xOf', archive, 'rootfs-diff.tar']);
    const names = execFileSync('tar', ['-tf', '-'], { input: layer, encoding: 'utf8' }).split('\n');
    expect(names).toEqual(expect.arrayContaining(['made/', 'made/file', 'bin/.wh.busybox']));
    expect(atWork()).toEqual([]);
    const { status } = await target.client.containerStatus({ containerId: pod.containerId, verbose: false });
    expect(status?.state).toBe(ContainerState.CONTAINER_RUNNING);
    await removeCriPod(target.client, pod);
    pod = await runPod('checkpointed', 'stand-in');
  });

  it('tells in one line what CRIU wrote down of its failure, and leaves nothing', async () => {
    dump('fail');
    rmSync(target.host.path(LOCATION), { force: true });
    await expect(checkpoint(pod.containerId)).rejects.toThrow(
      'runc checkpoint failed: criu failed: type NOTIFY errno 0: Error (criu/files.c:1): cannot dump a file',
    );
    expect(existsSync(target.host.path(LOCATION))).toBe(false);
    expect(atWork()).toEqual([]);
    await expectRunning(pod.containerId);
  });

  it('answers at its deadline, lets CRIU end what it began, and leaves nothing', async () => {
    dump('wait');
    rmSync(target.host.path(LOCATION), { force: true });
    await expect(checkpoint(pod.containerId, 1n)).rejects.toMatchObject({ code: 'deadline-exceeded' });
    await expectRunning(pod.containerId);
    dump('work');
    const next = checkpoint(pod.containerId);
    expect(existsSync(target.host.path(LOCATION))).toBe(false);
    writeFileSync(target.host.path('/etc/gantry/go'), '');
    await next;
    expect(existsSync(target.host.path(LOCATION))).toBe(true);
    expect(atWork()).toEqual([]);
  });

  it.each(FAULT_POINTS.filter(point => point.startsWith('checkpoint/')))(
    'leaves nothing half made when the shim is killed at %s, and works again',
    async point => {
      const { host, service, client } = target;
      const location = host.path(LOCATION);
      rmSync(location, { force: true });
      const before = service.pid();
      armFaults(host, service, [point]);
      await expect(checkpoint(pod.containerId)).rejects.toThrow();
      await waitForRestart(service, before);
      await waitFor('the shim to answer', async () => {
        await client.version({ version: '' }, { timeoutMs: 2_000 });
        return true;
      });
      expect(armedFaults(host, service).filter(line => line !== '')).toEqual([]);
      expect(existsSync(location)).toBe(point === 'checkpoint/in-place');
      await waitFor('nothing to be left of it', saw => {
        saw(atWork());
        return atWork().length === 0;
      });
      await expectRunning(pod.containerId);
      await checkpoint(pod.containerId);
      expect(tar('-tf', location)).toContain('rootfs-diff.tar');
    },
  );

  it('is refused for a runtime that has no CRIU in it', async () => {
    const other = await runPod('on-crun', 'crun');
    await expect(checkpoint(other.containerId)).rejects.toMatchObject({
      code: 'failed-precondition',
      message: expect.stringContaining('crun is built without CRIU'),
    });
    await removeCriPod(target.client, other);
  });

  it('leaves nothing of its pod', async () => {
    await removeCriPod(target.client, pod);
    await expectNoLeftovers(target);
  });
});

const refusal = criuRefusal();
describe.skipIf(refusal !== undefined)(
  `with CRIU itself${refusal === undefined ? '' : ` (skipped: ${refusal})`}`,
  () => {
    it('writes the images of the processes, which run on', async () => {
      const real = await runPod('dumped', 'runc');
      await checkpoint(real.containerId, 60n);
      const names = tar('-tf', target.host.path(LOCATION));
      expect(names).toEqual(
        expect.arrayContaining(['checkpoint/inventory.img', 'checkpoint/pstree.img', 'stats-dump']),
      );
      await expectRunning(real.containerId);
      await removeCriPod(target.client, real);
      await expectNoLeftovers(target);
    });
  },
);
