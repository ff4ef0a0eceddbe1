import { chmodSync, copyFileSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CNI_VERSIONS } from '../../src/cni/protocol/versions.ts';
import { armFault, waitForRestart } from '../harness/fault.ts';
import { gantryCommand, PROJECT } from '../harness/gantry-command.ts';
import { run } from '../harness/host.ts';
import { gantryHost, type RuntimeHost } from '../harness/runtime-host.ts';
import { waitFor } from '../harness/wait-for.ts';

const BIN = '/opt/cni/bin';
/** With a program `gantry`, which the launcher needs only where no daemon takes its call. */
const WITH_GANTRY = '/opt/gantry-bin';
const CONFIG = {
  cniVersion: '1.1.0',
  name: 'socket',
  type: 'gantry-bridge',
  bridge: 'gso0',
  ipam: { subnet: '10.37.0.0/24' },
};

interface Answer {
  readonly code: number | null;
  readonly answer: unknown;
}

describe('a CNI launcher and the daemon', () => {
  let target: RuntimeHost;

  beforeAll(async () => {
    target = await gantryHost({
      withoutImage: true,
      prepare: host => {
        for (const folder of [BIN, WITH_GANTRY]) mkdirSync(host.path(folder), { recursive: true });
        for (const name of ['gantry-bridge', 'loopback']) {
          copyFileSync(`${PROJECT}/cni/gantry-bridge`, host.path(`${BIN}/${name}`));
          chmodSync(host.path(`${BIN}/${name}`), 0o755);
        }
        const command = gantryCommand().map(word => `'${word}'`);
        writeFileSync(host.path(`${WITH_GANTRY}/gantry`), `#!/bin/sh\nexec ${command.join(' ')} "$@"\n`, {
          mode: 0o755,
        });
      },
    });
  });
  afterAll(() => target.delete());

  async function call(
    command: string,
    netns: string,
    { config = CONFIG, plugin = 'gantry-bridge', path = '/usr/bin:/bin', ...env }: Record<string, unknown> = {},
  ): Promise<Answer> {
    const variables = {
      CNI_COMMAND: command,
      CNI_CONTAINERID: 'one',
      CNI_NETNS: netns,
      CNI_IFNAME: 'eth0',
      CNI_PATH: BIN,
    };
    const words = Object.entries({ PATH: path, ...variables, ...env }).map(([name, value]) => `${name}=${value}`);
    const { code, stdout } = await target.host.exec(['env', '-i', ...words, `${BIN}/${plugin}`], {
      input: typeof config === 'string' ? config : JSON.stringify(config),
      timeoutMs: 60_000,
    });
    return { code, answer: stdout === '' ? undefined : JSON.parse(stdout) };
  }
  const netnsOf = async (name: string): Promise<string> => {
    await run(target.host, ['ip', 'netns', 'add', name]);
    return `/run/netns/${name}`;
  };
  const links = (): Promise<string> => run(target.host, ['ip', '-o', 'link']);
  const ended = { code: 0, answer: undefined };

  it('find each other at /run/gantry/cni.sock, which is for root alone', () => {
    const { mode } = statSync(target.host.path('/run/gantry/cni.sock'));
    expect(mode & 0o777).toBe(0o600);
  });

  it('serve every verb without a start of Node', async () => {
    const netns = await netnsOf('verbs');
    expect(await call('STATUS', '')).toEqual(ended);
    const { code, answer: prevResult } = await call('ADD', netns, { CNI_ARGS: 'K8S_POD_NAME=a' });
    expect({ code, prevResult }).toMatchObject({
      code: 0,
      prevResult: { cniVersion: '1.1.0', ips: [{ address: '10.37.0.2/24' }] },
    });
    expect(await call('CHECK', netns, { config: { ...CONFIG, prevResult } })).toEqual(ended);
    expect(await call('VERSION', '')).toEqual({
      code: 0,
      answer: { cniVersion: '1.1.0', supportedVersions: [...CNI_VERSIONS] },
    });
    const valid = { ...CONFIG, 'cni.dev/valid-attachments': [{ containerID: 'one', ifname: 'eth0' }] };
    expect(await call('GC', '', { config: valid })).toEqual(ended);
    expect(await call('CHECK', netns, { config: { ...CONFIG, prevResult } })).toEqual(ended);
    expect(await call('ADD', netns, { plugin: 'loopback', CNI_IFNAME: 'lo' })).toMatchObject({ code: 0 });
    expect(await call('DEL', netns)).toEqual(ended);
    expect(await call('DEL', '')).toEqual(ended);
    await run(target.host, ['ip', 'netns', 'delete', 'verbs']);
    await waitFor('the link to go', async () => !(await links()).includes('veth'));
  });

  it.each([
    ['a verb that is none', 'MEND', {}, 4, 'unknown CNI_COMMAND: "MEND"'],
    ['a configuration that is no JSON', 'ADD', { config: '{' }, 6, 'the configuration on stdin is not JSON'],
    ['no configuration', 'ADD', { config: '' }, 6, 'the configuration on stdin is not JSON'],
    [
      'a configuration of 5 MB',
      'ADD',
      { config: `{"name":"${'a'.repeat(5_000_000)}"}` },
      6,
      'is longer than 4194304 bytes',
    ],
    ['a namespace that is none', 'ADD', {}, 8, '/nowhere is not a network namespace'],
    ['an argument with lines', 'ADD', { CNI_ARGS: 'A=1;B\nC:3,ü' }, 4, 'CNI_ARGS: "B\\nC:3,ü" is not KEY=VALUE'],
    ['a container with lines', 'DEL', { CNI_CONTAINERID: 'a\n9:' }, 4, 'missing or invalid: CNI_CONTAINERID'],
  ])('refuse %s with an error object', async (_what, command, more, number, message) => {
    expect(await call(command, '/nowhere', more)).toMatchObject({
      code: 1,
      answer: { code: number, msg: expect.stringContaining(message) },
    });
  });

  it('tell the runtime when the daemon dies in the middle of a call, and DEL leaves nothing of it', async () => {
    const netns = await netnsOf('killed');
    const dying = await armFault(target.host, target.service, 'cni/add/link-configured');
    await waitFor('the socket of the next life', async () => (await call('STATUS', '')).code === 0);
    expect(await call('ADD', netns)).toMatchObject({
      code: 1,
      answer: { cniVersion: '1.1.0', code: 11, msg: expect.stringContaining('while it served this call') },
    });
    await waitForRestart(target.service, dying);
    expect(await call('DEL', netns, { path: `${WITH_GANTRY}:/usr/bin:/bin` })).toEqual(ended);
    await run(target.host, ['ip', 'netns', 'delete', 'killed']);
    await waitFor('the link to go', async () => !(await links()).includes('veth'));
    const again = await netnsOf('after');
    await waitFor('the socket of the next life', async () => (await call('STATUS', '')).code === 0);
    expect(await call('ADD', again)).toMatchObject({ code: 0 });
    expect(await call('DEL', again)).toEqual(ended);
    await run(target.host, ['ip', 'netns', 'delete', 'after']);
  });

  it('do without each other: where nobody answers on the socket the launcher does the call alone', async () => {
    const left = 'socat UNIX-LISTEN:/run/left.sock - & until [ -S /run/left.sock ]; do sleep 0.01; done; kill -9 $!';
    await run(target.host, ['sh', '-c', left]);
    const alone = { path: `${WITH_GANTRY}:/usr/bin:/bin`, GANTRY_CNI_SOCKET: '/run/left.sock' };
    const netns = await netnsOf('alone');
    expect(await call('ADD', netns, alone)).toMatchObject({
      code: 0,
      answer: { ips: [{ address: expect.any(String) }] },
    });
    // the daemon knows what another process has attached, for the journal is one
    expect(await call('ADD', netns)).toMatchObject({ code: 1, answer: { msg: expect.stringContaining('duplicate') } });
    expect(await call('DEL', netns, { ...alone, GANTRY_CNI_SOCKET: '/run/nowhere.sock' })).toEqual(ended);
    expect(await links()).not.toContain('veth');
    await run(target.host, ['ip', 'netns', 'delete', 'alone']);
  });

  it('part when the daemon is asked to end, and its next life has a socket of its own', async () => {
    const inode = (): number | undefined =>
      statSync(target.host.path('/run/gantry/cni.sock'), { throwIfNoEntry: false })?.ino;
    const before = inode();
    const pid = target.service.pid();
    target.service.signal('TERM');
    await waitFor('the socket to be gone', () => inode() !== before);
    await waitForRestart(target.service, pid);
    await waitFor('the next life', async () => (await call('STATUS', '')).code === 0);
    expect(inode()).not.toBe(before);
  });
});
