import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Host, HostExecResult, HostProcess } from '../../src/local-cluster/host/host.ts';
import { gantryCommand } from '../harness/gantry-command.ts';
import { run } from '../harness/host.ts';
import type { MachineSnapshot } from '../harness/machine-snapshot.ts';
import { difference, INIT, KILLED, machine, RESET, SLOW, snapshot } from '../harness/reset-machine.ts';
import { RUN_DIR } from '../harness/run-id.ts';
import { waitFor } from '../harness/wait-for.ts';

const ROUNDS = process.env['GANTRY_SOAK'] === '1' ? 30 : 5;
const LOCK = '/run/gantry.lock';
const PKI = '/etc/kubernetes/pki';
const CERTS = gantryCommand('init', 'phase', 'certs', 'all', '--apiserver-advertise-address=10.50.0.2');

/** Runs it with an input that neither comes nor ends. */
const NO_ANSWER = 'mkfifo /run/answers && exec 3<>/run/answers && rm /run/answers && exec "$@" <&3 3<&-';

/** What a command says that comes second. */
const inUse = (command: string): RegExp =>
  new RegExp(
    String.raw`^gantry: "${command}" changes this node just now \(process (\d+)\): wait until it has ended, or end it \("kill \1"\), and run this again\n$`,
  );

describe('commands that change a node', { timeout: 300_000 }, () => {
  let host: Host;
  let before: MachineSnapshot;
  let started = 0;
  const exec = (...words: string[]): Promise<HostExecResult> => host.exec(gantryCommand(...words), SLOW);

  /** Begins a command, and resolves once it has said this. */
  const begin = async (argv: readonly string[], said: string): Promise<HostProcess & { said(): string }> => {
    started += 1;
    const logFile = `${RUN_DIR}/${host.name}-${started}.log`;
    const command = host.spawn(argv, { logFile });
    await waitFor(`${said} to be said`, () => readFileSync(logFile, 'utf8').includes(said), { pauseMs: 5 });
    return { ...command, said: () => readFileSync(logFile, 'utf8') };
  };

  beforeAll(async () => {
    host = await machine();
    before = await snapshot(host);
  });
  afterAll(() => host.delete());

  it('make one pki, however many begin at once: one makes it, the others say who does', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const answers = await Promise.all(Array.from({ length: 3 }, () => host.exec(CERTS, SLOW)));
      const refused = answers.filter(({ code }) => code !== 0);
      expect(answers.length - refused.length).toBeGreaterThan(0);
      for (const { code, stdout, stderr } of refused) {
        expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
        expect(stderr).toMatch(inUse('gantry init phase certs all'));
      }
      expectWhole(host);
      await run(host, RESET, SLOW);
      expect(await difference(host, before)).toEqual([]);
    }
  });

  it('leave an init alone that makes the node, and it makes it', async () => {
    const init = await begin(INIT, '[certs]');
    const to = ['10.50.0.2:6443', '--token=abcdef.0123456789abcdef', '--discovery-token-unsafe-skip-ca-verification'];
    const seconds = [
      INIT,
      CERTS,
      RESET,
      gantryCommand('certs', 'renew', 'all'),
      gantryCommand('join', ...to, '--node-ip=10.50.0.2'),
      gantryCommand('join', 'phase', 'kubelet-start', ...to, '--node-ip=10.50.0.2'),
    ];
    const dry = exec('reset', '--dry-run');
    const looking = exec('init', 'phase', 'show-join-command', '--skip-token-print');
    for (const { code, stdout, stderr } of await Promise.all(seconds.map(argv => host.exec(argv, SLOW)))) {
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toMatch(inUse('gantry init'));
    }
    expect(await dry).toMatchObject({ code: 0, stderr: '' });
    expect((await looking).stderr).not.toContain('just now');
    expect(await init.exited, init.said()).toMatchObject({ code: 0 });
    expectWhole(host);
    expect(existsSync(host.path(LOCK))).toBe(false);
  });

  it('wait for no one that was killed', async () => {
    expect((await host.exec(INIT, { ...SLOW, env: { GANTRY_FAULT: 'bootstrap/init/certs' } })).code).toBe(KILLED);
    expect(existsSync(host.path(LOCK))).toBe(true);
    const init = await begin(INIT, '[certs]');
    init.kill();
    // not even for its last milliseconds
    expect(await host.exec(RESET, SLOW)).toMatchObject({ code: 0, stderr: '' });
    expect(await difference(host, before)).toEqual([]);
  });

  it('keep an init out while a reset asks', async () => {
    await run(host, CERTS, SLOW);
    const reset = await begin(['sh', '-c', NO_ANSWER, 'sh', ...gantryCommand('reset')], 'Are you sure');
    const { code, stderr } = await host.exec(INIT, SLOW);
    expect(code).toBe(2);
    expect(stderr).toMatch(inUse('gantry reset'));
    const pid = /process (\d+)/.exec(stderr)?.[1] ?? '';
    await run(host, ['kill', pid]);
    await waitFor('it to end as it was told', () => !existsSync(host.path(LOCK)));
    reset.kill();
    expect(await host.exec(RESET, SLOW)).toMatchObject({ code: 0, stderr: '' });
    expect(await difference(host, before)).toEqual([]);
  });

  it('say where no lock can be had', async () => {
    const script = 'mount --bind /run /run && mount -o remount,bind,ro /run && exec "$@"';
    const { code, stderr } = await host.exec(['unshare', '-m', 'sh', '-c', script, 'sh', ...RESET], SLOW);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: `gantry: ${LOCK}, the lock by which no two commands change this node at once, cannot be made (EROFS: read-only file system, open '${LOCK}'): /run has to be there, and writable for root ("findmnt /run" tells how it is mounted): make it so, and run this again\n`,
    });
  });
});

/** Every certificate is of the key beside it and of a CA beside it, and the marker knows all of them. */
function expectWhole(host: Host): void {
  const { made } = JSON.parse(readFileSync(host.path('/etc/gantry/bootstrap.json'), 'utf8')) as { made: string[] };
  const files = ['', '/etcd'].flatMap(part =>
    readdirSync(host.path(`${PKI}${part}`))
      .filter(name => name.endsWith('.crt'))
      .map(name => `${PKI}${part}/${name}`),
  );
  expect(files).toHaveLength(10);
  const certificates = files.map(path => new X509Certificate(readFileSync(host.path(path))));
  const authorities = certificates.filter(({ ca }) => ca);
  for (const [index, certificate] of certificates.entries()) {
    const path = files[index] ?? '';
    const key = path.replace(/crt$/, 'key');
    expect(certificate.checkPrivateKey(createPrivateKey(readFileSync(host.path(key)))), path).toBe(true);
    expect(
      authorities.some(({ publicKey }) => certificate.verify(publicKey)),
      path,
    ).toBe(true);
    expect(made, path).toEqual(expect.arrayContaining([path, key]));
  }
}
