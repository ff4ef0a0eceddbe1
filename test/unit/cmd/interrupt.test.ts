import { afterEach, describe, expect, it, vi } from 'vitest';
import { untilInterrupted } from '../../../src/cmd/interrupt.ts';
import { ignoredIn, keepIgnored } from '../../../src/linux/ignored-signals.ts';

/** The signals that a command gets while it works, with what becomes of it. */
function interrupted(...names: readonly NodeJS.Signals[]): Promise<readonly [string, number | undefined]> {
  let exited: number | undefined;
  const exit = vi.spyOn(process, 'exit').mockImplementation((code): never => {
    exited ??= Number(code);
    return undefined as never;
  });
  return untilInterrupted(async signal => {
    for (const name of names) process.emit(name, name);
    signal.throwIfAborted();
    return 0;
  })
    .then(
      () => ['done', exited] as const,
      (error: Error) => [error.message, exited] as const,
    )
    .finally(() => exit.mockRestore());
}

describe('a command that is interrupted', () => {
  it.each([
    ['ends by the first signal', ['SIGTERM'], 'interrupted by SIGTERM', undefined],
    ['ends at once by a second one', ['SIGINT', 'SIGINT'], 'interrupted by SIGINT', 130],
    [
      'ends as it should where its terminal goes away',
      ['SIGHUP', 'SIGHUP', 'SIGHUP'],
      'interrupted by SIGHUP',
      undefined,
    ],
    ['ends at once where somebody asks for it after that', ['SIGHUP', 'SIGTERM'], 'interrupted by SIGHUP', 130],
  ] as const)('%s', async (_, names, message, code) => {
    expect(await interrupted(...names)).toEqual([message, code]);
  });
});

describe('a command that was started with signals ignored', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
    keepIgnored();
  });

  it.each([
    ['goes on by nohup when its terminal goes away', '0000000000001001', ['SIGHUP'], 'done', undefined],
    ['goes on in the background of a script at Ctrl-C', '0000000000000006', ['SIGINT', 'SIGINT'], 'done', undefined],
    ['ends by the others', '0000000000000001', ['SIGHUP', 'SIGTERM'], 'interrupted by SIGTERM', undefined],
    ['ends as ever where none was', '0000000000001000', ['SIGHUP'], 'interrupted by SIGHUP', undefined],
    ['ends as ever where nobody has looked', '', ['SIGHUP'], 'interrupted by SIGHUP', undefined],
  ] as const)('%s', async (_, mask, names, message, code) => {
    vi.stubEnv('GANTRY_IGNORED_SIGNALS', mask);
    keepIgnored();
    expect(await interrupted(...names)).toEqual([message, code]);
  });

  it.each([
    ['0000000000000007', ['SIGHUP', 'SIGINT', 'SIGQUIT']],
    ['fffffffffffffff8', []],
    ['no mask', []],
  ])('knows which by the mask %s', (mask, names) => {
    expect(ignoredIn(mask)).toEqual(names);
  });

  it('does not tell its children', () => {
    vi.stubEnv('GANTRY_IGNORED_SIGNALS', '0000000000000001');
    keepIgnored();
    expect(process.env).not.toHaveProperty('GANTRY_IGNORED_SIGNALS');
  });
});
