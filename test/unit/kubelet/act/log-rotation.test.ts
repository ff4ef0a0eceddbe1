import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/base/clock.ts';
import { unavailable } from '../../../../src/base/errors.ts';
import { type LogRotationOptions, rotateOnce } from '../../../../src/kubelet/act/log-rotation.ts';
import { Container, ContainerState, ContainerStatus } from '../../../../src/rpc/cri-api.ts';

const { signal } = new AbortController();
const RUNNING = ContainerState.CONTAINER_RUNNING;
let directory: string;
let said: string[];
let reopened: string[];
let now: number;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'log-rotation-'));
  said = [];
  reopened = [];
  now = new Date(2026, 0, 2, 3, 4, 5).getTime();
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const path = (id: string): string => join(directory, `${id}.log`);
const contents = (): Record<string, string> =>
  Object.fromEntries(readdirSync(directory).map(name => [name, readFileSync(join(directory, name), 'utf8')]));

/** One round over containers of these states, with logs of ten bytes at most; the runtime begins a new log with `reopen`. */
function round(
  states: Readonly<Record<string, ContainerState>>,
  reopen = (id: string): void => writeFileSync(path(id), ''),
): Promise<void> {
  const runtime: LogRotationOptions['runtime'] = {
    listContainers: async () => Object.entries(states).map(([id, state]) => Container.fromPartial({ id, state })),
    containerStatus: async id => ContainerStatus.fromPartial({ id, logPath: path(id) }),
    reopenContainerLog: async id => {
      reopened.push(id);
      reopen(id);
    },
  };
  const policy = { maxBytes: 10, maxFiles: 3, workers: 2, intervalMs: 10_000 };
  const log = { info: () => {}, warn: (fields: { because: string }) => void said.push(fields.because) };
  return rotateOnce({ policy, runtime, clock: { ...systemClock, now: () => now }, log: log as never }, signal);
}

describe('a round of log rotation', () => {
  it('rotates what has grown and leaves what has not, and what does not run', async () => {
    for (const [id, text] of [
      ['long', '0123456789'],
      ['short', '012345678'],
      ['ended', '0123456789'],
    ] as const)
      writeFileSync(path(id), text);
    await round({ long: RUNNING, short: RUNNING, ended: ContainerState.CONTAINER_EXITED });
    expect(reopened).toEqual(['long']);
    expect(contents()).toEqual({
      'ended.log': '0123456789',
      'long.log': '',
      'long.log.20260102-030405': '0123456789',
      'short.log': '012345678',
    });
  });

  it('compresses all but the newest, and keeps as many files as are allowed', async () => {
    for (const text of ['first and long', 'second and long', 'third and long']) {
      writeFileSync(path('a'), text);
      await round({ a: RUNNING });
      now += 10_000;
    }
    expect(readdirSync(directory)).toEqual(['a.log', 'a.log.20260102-030415.gz', 'a.log.20260102-030425']);
    expect(String(gunzipSync(readFileSync(`${path('a')}.20260102-030415.gz`)))).toBe('second and long');
  });

  it('gives the log its name back when the runtime begins no new one, and tells', async () => {
    writeFileSync(path('a'), '0123456789');
    await round({ a: RUNNING }, () => {
      throw unavailable('the runtime is away');
    });
    expect(contents()).toEqual({ 'a.log': '0123456789' });
    expect(said).toEqual(['the runtime is away']);
  });

  it('has a log begun where there is none', async () => {
    await round({ a: RUNNING });
    expect(contents()).toEqual({ 'a.log': '' });
  });
});
