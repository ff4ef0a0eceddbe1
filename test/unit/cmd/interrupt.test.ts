import { describe, expect, it, vi } from 'vitest';
import { untilInterrupted } from '../../../src/cmd/interrupt.ts';

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
