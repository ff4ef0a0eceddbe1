import { describe, expect, it } from 'vitest';
import { conmonArgs } from '../../../../src/cri/oci/conmon-protocol.ts';
import { moveToScope } from '../../../../src/cri/oci/monitor-scope.ts';
import type { OciRuntime } from '../../../../src/cri/oci/ports.ts';
import type { UnitProperty } from '../../../../src/linux/systemd-slice.ts';

describe('a monitor', () => {
  it('gets a scope of its own in system.slice', async () => {
    const started: [string, Record<string, unknown>][] = [];
    const startTransient = async (unit: string, properties: readonly UnitProperty[]): Promise<void> =>
      void started.push([unit, Object.fromEntries(properties.map(({ name, value }) => [name, value]))]);
    await moveToScope({ startTransient }, { warn: () => undefined })('abc', 7);
    expect(started).toEqual([
      ['gantry-conmon-abc.scope', expect.objectContaining({ Slice: 'system.slice', PIDs: [7] })],
    ]);
  });

  it('stays where it is when systemd does not answer, and that is said once', async () => {
    const said: unknown[] = [];
    const startTransient = (): Promise<void> => Promise.reject(new Error('no answer'));
    const move = moveToScope({ startTransient }, { warn: (...words: unknown[]) => void said.push(words) });
    await move('a', 1);
    await move('b', 2);
    expect(said).toEqual([[{ because: 'no answer' }, 'monitors stay in the group of this unit']]);
  });

  it.each([
    [true, ['--systemd-cgroup']],
    [false, []],
  ])('tells the runtime whether systemd makes the group: %s', (bySystemd, words) => {
    const runtime = { path: '/crun', globalArgs: [] } as unknown as OciRuntime;
    const request = { id: 'a', bundle: '/b', logPath: undefined, terminal: false, stdin: false, stdinOnce: false };
    const args = conmonArgs({ ...request, bySystemd }, runtime, { exitDir: '/e', logSizeMax: 0 });
    expect(args.filter(arg => arg === '--systemd-cgroup')).toEqual(words);
  });
});
