import { pipeline } from 'node:stream/promises';
import { expect, it } from 'vitest';
import { memoryCommand } from '../../harness/memory-command.ts';

it('serves a command in memory as the served ones are', async () => {
  const { command, stdin, stdout, stderr, ended, resize, leave } = memoryCommand({
    stdin: true,
    stdout: true,
    stderr: true,
    tty: true,
  });
  const sizes: unknown[] = [];
  resize({ width: 80, height: 24 });
  command.onResize(size => sizes.push(size));
  resize({ width: 100, height: 30 });
  stdin?.end('abc');
  if (command.stdin === undefined || command.stdout === undefined) throw new Error('streams are missing');
  await pipeline(command.stdin, command.stdout);
  await command.finish({ exitCode: 3 });
  leave();
  expect({ stdout: `${await stdout}`, stderr: `${await stderr}`, end: await ended, sizes }).toEqual({
    stdout: 'abc',
    stderr: '',
    end: { exitCode: 3 },
    sizes: [
      { width: 80, height: 24 },
      { width: 100, height: 30 },
    ],
  });
  expect(command.stderr).toBeUndefined();
  expect(command.signal.aborted).toBe(true);
});
