import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gantryCommand } from '../harness/gantry-command.ts';
import { type KubeletHost, podManifest, type SeenContainer, startKubelet, WAIT } from '../harness/kubelet.ts';
import { expectNoLeftovers } from '../harness/pod-leftovers.ts';
import { type Registry, startRegistry } from '../harness/registry.ts';
import { gantryHost, type RuntimeHost } from '../harness/runtime-host.ts';
import { waitFor } from '../harness/wait-for.ts';

let target: RuntimeHost;
let kubelet: KubeletHost;
let registry: Registry;
beforeAll(async () => {
  target = await gantryHost({
    // a copy, which a test may take away
    criConfig: 'conmon: /run/programs/conmon\n',
    prepare: host => {
      mkdirSync(host.path('/run/programs'));
      copyFileSync('/usr/bin/conmon', host.path('/run/programs/conmon'));
      chmodSync(host.path('/run/programs/conmon'), 0o755);
    },
  });
  registry = await startRegistry(target.host);
  kubelet = await startKubelet(target);
});
afterAll(() => target.delete());

/** Log lines of the kubelet at warn or above that speak of the file. */
function complaints(file: string): string[] {
  if (!existsSync(kubelet.service.logFile)) return [];
  return readFileSync(kubelet.service.logFile, 'utf8')
    .split('\n')
    .filter(line => line.includes(file) && /"level":"(warn|error)"/.test(line))
    .map(line => {
      const { msg, because } = JSON.parse(line) as { msg: string; because?: string };
      return `${msg} ${because ?? ''}`.trim();
    });
}

const good = (name: string): object => JSON.parse(podManifest(name, WAIT)) as object;

describe('a manifest that is wrong', () => {
  const yaml = (spec: string): string =>
    `apiVersion: v1\nkind: Pod\nmetadata:\n  name: bad\nspec:\n  containers:\n  - name: main\n    image: localhost/busybox:1.35\n${spec}`;
  it.each([
    ['an unknown field', 'unknown', yaml('    imagee: x\n'), /unknown\.yaml:9\b.*imagee/],
    [
      'a wrong type',
      'type',
      yaml('  terminationGracePeriodSeconds: soon\n'),
      /type\.yaml:9\b.*terminationGracePeriodSeconds/,
    ],
    [
      'a container name twice',
      'twice',
      yaml('  - name: main\n    image: x\n'),
      /twice\.yaml(:\d+)?.*containers\[1\]\.name/,
    ],
    ['broken YAML', 'broken', yaml('  volumes: [\n'), /broken\.yaml:\d+/],
  ])('%s: one line with file, line and field, and the other pods go on', async (_, file, text, expected) => {
    kubelet.writeManifest(`${file}.yaml`, text);
    await waitFor('the complaint', saw => {
      const found = complaints(`${file}.yaml`);
      saw(found);
      return found.length > 0;
    });
    kubelet.writeManifest('neighbour.yaml', JSON.stringify(good('neighbour')));
    await kubelet.running('neighbour');
    expect(await kubelet.pod('bad')).toBeUndefined();
    kubelet.removeManifest('neighbour.yaml');
    kubelet.removeManifest(`${file}.yaml`);
    await kubelet.gone('neighbour');
    expect(complaints(`${file}.yaml`)).toHaveLength(1);
    expect(complaints(`${file}.yaml`)[0]).toMatch(expected);
  });

  it('the same pod in two files: the second is refused by name, the first runs on', async () => {
    kubelet.writeManifest('a-first.yaml', JSON.stringify(good('double')));
    const first = await kubelet.running('double');
    kubelet.writeManifest('b-second.yaml', podManifest('double', 'sleep 99999'));
    await waitFor('the complaint', saw => {
      const found = complaints('b-second.yaml');
      saw(found);
      return found.some(line => line.includes('double'));
    });
    expect((await kubelet.running('double')).metadata.uid).toBe(first.metadata.uid);
    kubelet.removeManifest('b-second.yaml');
    kubelet.removeManifest('a-first.yaml');
    await kubelet.gone('double');
  });
});

describe('a pod that cannot run', () => {
  /** Waits for the container's status to name the trouble, then takes the pod away and looks for what is left. */
  const troubled = async (
    manifest: string,
    trouble: (status: SeenContainer) => string | undefined,
    expected: RegExp,
  ): Promise<void> => {
    kubelet.writeManifest('trouble.yaml', manifest);
    await waitFor(`a status that matches ${expected}`, async saw => {
      const pod = await kubelet.pod('trouble');
      saw(pod?.status);
      const status = pod?.status?.containerStatuses?.[0];
      return status !== undefined && expected.test(trouble(status) ?? '');
    });
    kubelet.removeManifest('trouble.yaml');
    await kubelet.gone('trouble');
    await expectNoLeftovers(target);
  };
  const waiting = (status: SeenContainer): string | undefined =>
    `${status.state?.waiting?.reason} ${status.state?.waiting?.message}`;

  it('an image that does not exist', () =>
    troubled(
      podManifest('trouble', WAIT, { image: `${registry.address}/no/such:1` }),
      waiting,
      /(ErrImagePull|ImagePullBackOff).*no\/such:1/,
    ));

  it('a registry that is down', () =>
    troubled(
      podManifest('trouble', WAIT, { image: '127.0.0.1:5999/busybox:1' }),
      waiting,
      /(ErrImagePull|ImagePullBackOff).*127\.0\.0\.1:5999/,
    ));

  it('an image that may not be pulled', () =>
    troubled(
      podManifest('trouble', WAIT, { image: 'localhost/absent:1', pullPolicy: 'Never' }),
      waiting,
      /ErrImageNeverPull.*localhost\/absent:1/,
    ));

  it('a command that is not in the image', () =>
    troubled(
      podManifest('trouble', '', { command: ['/no/such/program'] }),
      status => `${waiting(status)} ${status.state?.terminated?.reason} ${JSON.stringify(status)}`,
      /(CreateContainerError|RunContainerError|StartError).*\/no\/such\/program/,
    ));

  it('a memory limit that is too small to start', () =>
    troubled(
      podManifest('trouble', WAIT, { resources: { limits: { memory: '256Ki' } } }),
      waiting,
      /CreateContainerError.*memory limit of 262144 bytes is too small to start/,
    ));

  it('a monitor that is missing: the CRI error names it, and the pod runs once it is back', async () => {
    const program = target.host.path('/run/programs/conmon');
    renameSync(program, `${program}.away`);
    kubelet.writeManifest('trouble.yaml', podManifest('trouble', WAIT));
    await waitFor('the status to name it', async saw => {
      const status = (await kubelet.pod('trouble'))?.status?.containerStatuses?.[0];
      saw(status);
      return status !== undefined && waiting(status)?.includes('/run/programs/conmon');
    });
    renameSync(`${program}.away`, program);
    await kubelet.running('trouble');
    kubelet.removeManifest('trouble.yaml');
    await kubelet.gone('trouble');
    await expectNoLeftovers(target);
  });
});

describe('a second shim on the same directories', () => {
  it.each([
    ['both', '/var/lib/gantry', '/run/gantry/cri', 'the root directory /var/lib/gantry'],
    ['the state directory', '/run/other/root', '/run/gantry/cri', 'the state directory /run/gantry/cri'],
  ])('ends at its start with one line, before it touches anything: %s', async (_what, root, state, named) => {
    const places = ['--socket', '/run/other/cri.sock', '--root', root, '--state', state];
    const program = target.host.path('/run/gantry/cri/bin');
    const links = (): string[] => readdirSync(program).map(name => readlinkSync(`${program}/${name}`));
    const before = links();
    const result = await target.host.exec(gantryCommand('run', 'cri', ...places), { timeoutMs: 20_000 });
    expect(links()).toEqual(before);
    expect(result.code).toBe(1);
    expect(result.stderr.trim().split('\n').at(-1)).toMatch(new RegExp(`${named} is in use by process \\d+`));
  });
});

describe('an OCI runtime that is missing', () => {
  it('ends the shim at its start with one line that names it', async () => {
    writeFileSync(target.host.path('/run/no-runtime.yaml'), 'runtime: /no/such/crun\n');
    const places = ['--socket', '/run/other/cri.sock', '--root', '/run/other/root', '--state', '/run/other/state'];
    const result = await target.host.exec(gantryCommand('run', 'cri', '--config', '/run/no-runtime.yaml', ...places), {
      timeoutMs: 20_000,
    });
    expect(result.code).toBe(1);
    expect(result.stderr.trim().split('\n').at(-1)).toContain('/no/such/crun');
  });
});
