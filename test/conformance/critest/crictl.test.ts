import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../harness/host.ts';
import { BUSYBOX } from '../../harness/images.ts';
import { expectNoLeftovers } from '../../harness/pod-leftovers.ts';
import { startRegistry } from '../../harness/registry.ts';
import { gantryHost, type RuntimeHost } from '../../harness/runtime-host.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { critestPrograms } from './programs.ts';

const programs = critestPrograms();
const because = typeof programs === 'string' ? `skipped: ${programs}` : '';
if (because !== '') console.log(because);

const POD = '/tmp/pod.json';
const CONTAINER = '/tmp/container.json';

describe.skipIf(because !== '')(`crictl on this shim ${because}`, () => {
  let target: RuntimeHost;
  let image: string;
  /** Of the pod and its container that the commands are about. */
  let pod: string;
  let container: string;

  const crictl = async (...args: readonly string[]): Promise<string> => {
    const program = typeof programs === 'string' ? '' : programs.crictl;
    return (await run(target.host, [program, '--runtime-endpoint=unix:///run/gantry/cri.sock', ...args])).trim();
  };
  const json = async <T>(...args: readonly string[]): Promise<T> => JSON.parse(await crictl(...args)) as T;

  beforeAll(async () => {
    target = await gantryHost({ withoutImage: true, criConfig: 'registries: { insecure: ["127.0.0.1:5000"] }\n' });
    const { host } = target;
    image = await (await startRegistry(host)).push(BUSYBOX, 'busybox:1');
    const metadata = { name: 'by-hand', namespace: 'default', uid: 'by-hand-uid', attempt: 0 };
    writeFileSync(host.path(POD), JSON.stringify({ metadata, log_directory: '/var/log/by-hand', linux: {} }));
    const command = ['/bin/sh', '-c', 'echo hello from crictl; sleep 100000'];
    writeFileSync(
      host.path(CONTAINER),
      JSON.stringify({ metadata: { name: 'shell' }, image: { image }, command, log_path: 'shell.log', linux: {} }),
    );
  });
  afterAll(() => target?.delete());

  it('pull fetches an image, and images and inspecti show it', async () => {
    expect(await crictl('pull', image)).toContain('Image is up to date');
    const { images } = await json<{ images: { id: string; repoTags: string[] }[] }>('images', '-o', 'json');
    expect(images.map(each => each.repoTags)).toEqual([[image]]);
    const { status } = await json<{ status: { id: string } }>('inspecti', image);
    expect(status.id).toBe(images[0]?.id);
  });

  it('run makes a pod with a container by a named handler, and prints its id', async () => {
    const before = await crictl('ps', '-q');
    expect(before).toBe('');
    container = await crictl('run', '--runtime', 'runc', CONTAINER, POD);
    expect(container).toMatch(/^[0-9a-f]{64}$/);
    expect(await crictl('ps', '-q', '--no-trunc')).toBe(container);
  });

  it('pods and ps tell of it in their tables, inspectp with the handler', async () => {
    pod = await crictl('pods', '-q', '--no-trunc');
    const [head = '', row = ''] = (await crictl('pods')).split('\n');
    expect(head).toMatch(/^POD ID +CREATED +STATE +NAME +NAMESPACE +ATTEMPT +RUNTIME$/);
    expect(row).toMatch(new RegExp(`^${pod.slice(0, 13)} +.* +Ready +by-hand +default +0 +runc$`));
    expect(await crictl('ps')).toMatch(new RegExp(`^${container.slice(0, 13)} .* Running +shell +0 +`, 'm'));
    const { status, info } = await json<{ status: { runtimeHandler: string }; info: { runtime: string } }>(
      'inspectp',
      pod.slice(0, 13),
    );
    expect([status.runtimeHandler, info.runtime]).toEqual(['runc', 'runc']);
  });

  it('a handler that there is not is refused in upstream words', async () => {
    await expect(crictl('runp', '--runtime', 'other', POD)).rejects.toThrow(/no runtime for \\"other\\" is configured/);
  });

  it('inspect shows the container, by the beginning of its id', async () => {
    const { status, info } = await json<{ status: { state: string; logPath: string }; info: { sandboxID: string } }>(
      'inspect',
      container.slice(0, 13),
    );
    expect(status).toMatchObject({ state: 'CONTAINER_RUNNING', logPath: '/var/log/by-hand/shell.log' });
    expect(info.sandboxID).toBe(pod);
  });

  it.each([
    ['over a stream', []],
    ['at once', ['-s']],
  ])('exec runs a command %s', async (_how, flags) => {
    expect(await crictl('exec', ...flags, container, 'echo', 'inside')).toBe('inside');
  });

  it('logs shows what it has printed', async () => {
    await waitFor('the line in the log', async saw => {
      const log = await crictl('logs', container);
      saw(log);
      return log === 'hello from crictl';
    });
  });

  it('stats and statsp tell what it uses', async () => {
    const { stats } = await json<{
      stats: { attributes: { id: string }; memory: { usageBytes: { value: string } } }[];
    }>('stats', '-o', 'json');
    expect(stats.map(each => each.attributes.id)).toEqual([container]);
    expect(Number(stats[0]?.memory.usageBytes.value)).toBeGreaterThan(0);
    expect(await crictl('statsp')).toMatch(/^by-hand +/m);
  });

  it('info says that it is ready, and tells the handlers', async () => {
    const { status, runtimeHandlers } = await json<{
      status: { conditions: { type: string; status: boolean }[] };
      runtimeHandlers: { name?: string }[];
    }>('info');
    expect(status.conditions.map(each => [each.type, each.status])).toEqual([
      ['RuntimeReady', true],
      ['NetworkReady', true],
    ]);
    expect(runtimeHandlers.map(each => each.name ?? '')).toContain('runc');
  });

  it('rmp takes the pod away with its container, by force as it runs, and rmi the image', async () => {
    await expect(crictl('rmp', pod)).rejects.toThrow('is running');
    await crictl('rmp', '-f', pod);
    expect([await crictl('pods', '-q'), await crictl('ps', '-aq')]).toEqual(['', '']);
    await crictl('rmi', image);
    expect(await crictl('images', '-q')).toBe('');
    await expectNoLeftovers(target);
  });
});
