import { setImmediate } from 'node:timers/promises';
import pino from 'pino';
import { describe, expect, it } from 'vitest';
import { aborted } from '../../../src/base/signals.ts';
import type { Component } from '../../../src/daemon/component.ts';
import { runAll } from '../../../src/daemon/run-all.ts';

const silent = pino({ level: 'silent' });

const quiet = (name: string, ended: string[]): Component => ({
  name,
  async run(signal, ready) {
    ready();
    await aborted(signal);
    ended.push(name);
  },
});

describe('runAll', () => {
  it('is ready when every component is, and ends when asked to', async () => {
    const stop = new AbortController();
    const ended: string[] = [];
    let readyCalls = 0;
    const running = runAll(
      [quiet('a', ended), quiet('b', ended)],
      stop.signal,
      () => {
        readyCalls += 1;
        stop.abort();
      },
      silent,
    );
    await running;
    expect(readyCalls).toBe(1);
    expect(ended.sort()).toEqual(['a', 'b']);
  });

  it('tells who is waited for, at the start and at the end', async () => {
    const stop = new AbortController();
    const told: string[] = [];
    const progress = {
      starting: (names: readonly string[]) => void told.push(`starting ${names.join(' ')}`),
      stopping: (names: readonly string[]) => void told.push(`stopping ${names.join(' ')}`),
    };
    await runAll([quiet('a', []), quiet('b', [])], stop.signal, () => stop.abort(), silent, progress);
    expect(told).toEqual(['starting a b', 'starting b', 'stopping a b', 'stopping b']);
  });

  it('lets many wait for the end without a warning of a leak', async () => {
    const warnings: string[] = [];
    const onWarning = (warning: Error): void => {
      warnings.push(warning.message);
    };
    process.on('warning', onWarning);
    const stop = new AbortController();
    const waiting: Component = {
      name: 'many',
      async run(signal, ready) {
        const all = Array.from({ length: 50 }, () => aborted(signal));
        await setImmediate();
        ready();
        await Promise.all(all);
      },
    };
    await runAll([waiting], stop.signal, () => stop.abort(), silent);
    process.off('warning', onWarning);
    expect(warnings).toEqual([]);
  });

  it('stops the others when one fails and names the one', async () => {
    const ended: string[] = [];
    const failing: Component = {
      name: 'broken',
      async run() {
        throw new Error('no socket');
      },
    };
    await expect(runAll([quiet('a', ended), failing], new AbortController().signal, () => {}, silent)).rejects.toThrow(
      'broken: no socket',
    );
    expect(ended).toEqual(['a']);
  });

  it('takes an end that nobody asked for as a failure', async () => {
    const short: Component = { name: 'short', run: async () => {} };
    await expect(runAll([short], new AbortController().signal, () => {}, silent)).rejects.toThrow(
      'short: ended without being asked to',
    );
  });
});
