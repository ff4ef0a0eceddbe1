import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { keepIgnored } from '../../../src/linux/ignored-signals.ts';
import { spawnProcess, waitForExit } from '../../../src/linux/spawn.ts';

/** Of a process, or of this one. */
function sessionOf(pid: number | 'self'): number {
  return Number(
    readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ')[3],
  );
}

describe('a child', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
    keepIgnored();
  });

  it.each([
    ['has the session of its parent', '', {}, false],
    [
      'has one of its own where its parent goes on under nohup: the terminal that goes away would end it',
      '1',
      {},
      true,
    ],
    ['has one of its own where its parent ignores Ctrl-C', '2', {}, true],
    ['has one of its own where that is asked for', '', { newSession: true }, true],
    ['has that of its parent where that is asked for', '1', { newSession: false }, false],
  ])('%s', async (_, mask, options, isOwn) => {
    vi.stubEnv('GANTRY_IGNORED_SIGNALS', mask);
    keepIgnored();
    const { pid } = spawnProcess('sleep', ['30'], options);
    const session = sessionOf(pid);
    process.kill(pid, 'SIGKILL');
    await waitForExit(pid);
    expect(session).toBe(isOwn ? pid : sessionOf('self'));
  });
});
