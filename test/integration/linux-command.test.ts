import { closeSync, readFileSync, writeSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { reapProcess, runCommand, spawnProcess, waitForExit } from '../../src/linux/command.ts';
import { createPipe, readPipe } from '../../src/linux/pipe.ts';
import { bootId, isAlive, listProcesses, processIdentity } from '../../src/linux/procfs.ts';

const sh = (script: string, options = {}) => runCommand('sh', ['-c', script], options);

describe('runCommand', () => {
  it('collects both outputs and the exit code', async () => {
    const result = await sh('echo out; echo err >&2; exit 7');
    expect(result).toMatchObject({ code: 7, signal: null, truncated: false });
    expect([String(result.stdout), String(result.stderr)]).toEqual(['out\n', 'err\n']);
  });

  it('tells the signal that ended the program', async () => {
    expect(await sh('kill -TERM $$')).toMatchObject({ code: null, signal: 15 });
  });

  it('names a missing program', async () => {
    await expect(runCommand('no-such-program-here', [])).rejects.toMatchObject({
      code: 'ENOENT',
      message: 'posix_spawn no-such-program-here: ENOENT',
    });
  });

  it('refuses an argument with a NUL byte instead of cutting it', async () => {
    await expect(runCommand('true', ['a\0b'])).rejects.toMatchObject({ code: 'invalid-argument' });
  });

  it('feeds input larger than a pipe holds and reads output larger than a pipe holds', async () => {
    const input = Buffer.alloc(3 << 20, 'x');
    const result = await runCommand('cat', [], { input });
    expect(result.code).toBe(0);
    expect(result.stdout.equals(input)).toBe(true);
  });

  it('feeds input in pieces no sooner than the program takes them, and hands out output as it comes', async () => {
    let made = 0;
    let taken = 0;
    let ahead = 0;
    function* pieces(): Generator<string> {
      for (; made < 100; made += 1) {
        ahead = Math.max(ahead, made - Math.floor(taken / 32_768));
        yield 'x'.repeat(32_768);
      }
    }
    const onStdout = (chunk: Buffer): void => {
      taken += chunk.length;
    };
    const result = await runCommand('cat', [], { input: pieces(), onStdout });
    expect({ code: result.code, kept: result.stdout.length, taken }).toEqual({ code: 0, kept: 0, taken: 100 * 32_768 });
    // what two pipes hold, and what is on its way
    expect(ahead).toBeLessThan(20);
  });

  it('does not mind a program that reads none of its input', async () => {
    expect(await runCommand('true', [], { input: Buffer.alloc(1 << 20) })).toMatchObject({ code: 0 });
    expect(await runCommand('true', [], { input: Array.from({ length: 20 }, () => 'x'.repeat(65_536)) })).toMatchObject(
      { code: 0 },
    );
  });

  it('gives end of file at once when there is no input', async () => {
    expect(String((await runCommand('cat', [])).stdout)).toBe('');
  });

  it('keeps no more output than asked for and says so', async () => {
    const result = await sh('head -c 300000 /dev/zero; echo small >&2', { maxOutputBytes: 1000 });
    expect(result).toMatchObject({ code: 0, truncated: true });
    expect([result.stdout.length, String(result.stderr)]).toEqual([1000, 'small\n']);
  });

  it('ends when the program ends, though a child of it holds the pipes', async () => {
    const result = await sh('sleep 30 & echo $!; exit 3');
    expect(result.code).toBe(3);
    process.kill(Number(String(result.stdout)), 'SIGKILL');
  });

  it('waits for a program that closed its outputs early', async () => {
    expect(await sh('exec >&- 2>&-; sleep 0.05; exit 4')).toMatchObject({ code: 4 });
  });

  it('keeps the calling process alive until the program has ended, and no longer', async () => {
    const contents = `import { runCommand } from './src/linux/command.ts';
      runCommand('sh', ['-c', 'exec >&- 2>&-; sleep 0.05; exit 6']).then(r => console.log(r.code));`;
    const built = await build({
      stdin: { contents, resolveDir: process.cwd(), loader: 'ts' },
      bundle: true,
      platform: 'node',
      external: ['koffi'],
      write: false,
    });
    const caller = await runCommand(process.execPath, ['-e', built.outputFiles[0]?.text ?? ''], { timeoutMs: 30_000 });
    expect([String(caller.stdout), String(caller.stderr), caller.code]).toEqual(['6\n', '', 0]);
  });

  it('kills at the deadline and says what was waited for', async () => {
    await expect(runCommand('sleep', ['30.25'], { timeoutMs: 30 })).rejects.toMatchObject({
      code: 'deadline-exceeded',
      message: 'sleep did not end within 30 ms and was killed',
    });
    await expect.poll(() => listProcesses().filter(p => p.cmdline.join(' ') === 'sleep 30.25')).toEqual([]);
  });

  it('kills on abort and throws the reason of the signal', async () => {
    const controller = new AbortController();
    const running = runCommand('sleep', ['30.5'], { signal: controller.signal });
    const reason = new Error('the pod was deleted');
    controller.abort(reason);
    await expect(running).rejects.toBe(reason);
    await expect(sh('true', { signal: controller.signal })).rejects.toBe(reason);
  });

  it('hands over environment and directory, and its own environment without NODE_EXTRA_CA_CERTS', async () => {
    const given = await sh('pwd; echo "$A"; env | wc -l', { cwd: '/proc', env: { A: 'ä b', PATH: '/usr/bin:/bin' } });
    expect(String(given.stdout).split('\n').slice(0, 2)).toEqual(['/proc', 'ä b']);
    process.env['NODE_EXTRA_CA_CERTS'] ??= '/nonexistent';
    const own = String((await sh('env')).stdout).split('\n');
    expect(own).toContain(`PATH=${process.env['PATH']}`);
    expect(own.filter(line => line.startsWith('NODE_EXTRA_CA_CERTS'))).toEqual([]);
  });

  it('starts children with no ignored and no blocked signals and only the three standard descriptors', async () => {
    const held = createPipe();
    const status = String((await runCommand('cat', ['/proc/self/status'])).stdout);
    expect(status).toMatch(/^SigIgn:\s+0+$/m);
    expect(status).toMatch(/^SigBlk:\s+0+$/m);
    const fds = String((await runCommand('ls', ['/proc/self/fd'])).stdout)
      .trim()
      .split('\n');
    expect(fds).toEqual(['0', '1', '2', '3']); // 3 is the directory that ls reads
    closeSync(held.read);
    closeSync(held.write);
  });

  it('runs two hundred at once', async () => {
    const results = await Promise.all(Array.from({ length: 200 }, (_, i) => sh(`exit ${i % 100}`)));
    expect(results.map(r => r.code)).toEqual(results.map((_, i) => i % 100));
  });
});

describe('spawnProcess', () => {
  it('places descriptors where asked, also when source and target numbers cross', async () => {
    const [a, b, out] = [createPipe(), createPipe(), createPipe()];
    writeSync(a.write, 'from a');
    writeSync(b.write, 'from b');
    closeSync(a.write);
    closeSync(b.write);
    // Each read end lands on the number that the other has here, and one descriptor keeps its own number.
    const { pid } = spawnProcess(
      'sh',
      [
        '-c',
        `cat /proc/self/fd/${b.read}; echo; cat /proc/self/fd/${a.read}; echo; echo kept >/proc/self/fd/${out.write}`,
      ],
      {
        stdout: out.write,
        fds: { [b.read]: a.read, [a.read]: b.read, [out.write]: out.write },
      },
    );
    for (const fd of [a.read, b.read, out.write]) closeSync(fd);
    expect(await text(readPipe(out.read))).toBe('from a\nfrom b\nkept\n');
    expect(await waitForExit(pid)).toEqual({ code: 0, signal: null });
  });

  it('makes the child a session leader when asked', async () => {
    const { pid } = spawnProcess('sleep', ['30'], { newSession: true });
    const [, , , , session] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ').slice(1);
    expect(Number(session)).toBe(pid);
    expect(reapProcess(pid)).toBeUndefined();
    process.kill(pid, 'SIGKILL');
    expect(await waitForExit(pid)).toEqual({ code: null, signal: 9 });
    expect(() => reapProcess(pid)).toThrow(expect.objectContaining({ code: 'ECHILD' }));
  });
});

describe('procfs', () => {
  it('tells a process from its successor and from its zombie', async () => {
    const { pid } = spawnProcess('sleep', ['30'], {});
    const identity = processIdentity(pid);
    expect(identity).toEqual({ pid, startTime: expect.any(Number) });
    const found = identity ?? { pid: 0, startTime: 0 };
    expect(isAlive(found)).toBe(true);
    expect(isAlive({ ...found, startTime: found.startTime + 1 })).toBe(false);
    expect(listProcesses().find(p => p.pid === pid)).toEqual({ pid, ppid: process.pid, cmdline: ['sleep', '30'] });
    process.kill(pid, 'SIGKILL');
    await expect.poll(() => isAlive(found)).toBe(false);
    expect(listProcesses().find(p => p.pid === pid)?.cmdline).toEqual([]);
    await waitForExit(pid);
    expect(processIdentity(pid)).toBeUndefined();
  });

  it('reads the id of this boot', () => {
    expect(bootId()).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  });
});
