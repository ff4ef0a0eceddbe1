import { execFile } from 'node:child_process';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gantryCommand } from '../harness/gantry-command.ts';
import { put, withHost } from '../harness/host.ts';
import { Terminal } from '../harness/terminal.ts';
import { waitFor } from '../harness/wait-for.ts';

const execute = promisify(execFile);

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(`${tmpdir()}/gantry-lost-output-`);
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Runs it with pipes that nobody reads any more in the place of these descriptors. Resolves with its exit code, and what it said elsewhere. */
async function withClosed(descriptors: readonly number[], ...args: readonly string[]): Promise<[number, string]> {
  const closed = descriptors.map(fd => `${fd}>&9`).join(' ');
  const script = `exec 9> >(:); wait $!; "$@" ${closed} 9>&-; echo "ended with $?"`;
  // what the shell says stands apart from what the command does
  const { stdout, stderr } = await execute('bash', ['-c', script, 'bash', ...gantryCommand(...args)]);
  const code = /ended with (\d+)\n$/.exec(stdout)?.[1];
  return [Number(code), stderr];
}

describe('output that nobody reads', () => {
  it.each([
    ['config', 'print', 'init-defaults'],
    ['completion', 'bash'],
    ['certs', 'certificate-key'],
    ['--help'],
    ['init', '--help'],
  ])('ends nothing with an error: gantry %s …', async (...args) => {
    expect(await withClosed([1], ...args)).toEqual([0, '']);
  });

  it('does not keep a command from its work', async () => {
    const [code, err] = await withClosed([1, 2], 'man-pages', directory);
    expect([code, err]).toEqual([0, '']);
    expect(existsSync(`${directory}/gantry.1`)).toBe(true);
  });

  it('leaves an error its exit code', async () => {
    expect(await withClosed([1, 2], 'token', 'list', '--kubeconfig', `${directory}/none`)).toEqual([1, '']);
  });
});

it('what follows logs ends when nobody reads them any more', async () => {
  await withHost(async host => {
    put(host, '/var/log/gantry/gantry-cri/current', 'one\ntwo\n');
    const script = '"$@" | head -n 1; echo "ended with $PIPESTATUS"';
    const following = host.exec(['bash', '-c', script, 'bash', ...gantryCommand('logs', '-f', 'cri')]);
    let lines = 2;
    const ended = await waitFor('it to end', async () => {
      appendFileSync(host.path('/var/log/gantry/gantry-cri/current'), `${lines++}\n`);
      return Promise.race([following, setTimeout(50, false as const)]);
    });
    // as shells count SIGPIPE, or the code of a program that noticed by itself
    expect(ended).toMatchObject({ stdout: expect.stringMatching(/^one\nended with (1|141)\n$/), stderr: '' });
  });
});

it('a command whose terminal goes away ends as one that is interrupted', async () => {
  const terminal = await Terminal.open({});
  try {
    const words = gantryCommand('reset').join(' ');
    // a shell that outlives the terminal, to tell of the end
    const script = `trap : HUP\n${words} 2>${directory}/err\necho $? >${directory}/code\n`;
    writeFileSync(`${directory}/script`, script);
    await terminal.type(`sh ${directory}/script`);
    await terminal.shows('Are you sure');
  } finally {
    await terminal.close();
  }
  const code = await waitFor('the command to end', async () => {
    const text = existsSync(`${directory}/code`) ? readFileSync(`${directory}/code`, 'utf8') : '';
    return text.endsWith('\n') && text.trim();
  });
  expect(readFileSync(`${directory}/err`, 'utf8')).toMatch(/^gantry: (interrupted by SIGHUP|won't proceed; .*)\n$/);
  expect(code).toBe('1');
});
