import { setImmediate } from 'node:timers/promises';
import pino from 'pino';
import { describe, expect, it } from 'vitest';
import { aborted } from '../../../src/base/signals.ts';
import type { Component } from '../../../src/daemon/component.ts';
import { runAll } from '../../../src/daemon/run-all.ts';
import { within } from '../../../src/daemon/within.ts';

const silent = pino({ level: 'silent' });

/** Takes some turns of the event loop to end, and says when it is told to and when it has. */
const slow = (name: string, seen: string[], turns: number): Component => ({
  name,
  async run(signal, ready) {
    ready();
    await aborted(signal);
    seen.push(`${name} is told`);
    for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
    seen.push(`${name} has ended`);
  },
});

describe('within', () => {
  it('tells what is used to end when the last of its users has ended', async () => {
    const seen: string[] = [];
    const stop = new AbortController();
    const parts = within([slow('server', seen, 1)], [slow('a', seen, 3), slow('b', seen, 30)]);
    await runAll(parts, stop.signal, () => stop.abort(), silent);
    expect(seen).toEqual([
      'a is told',
      'b is told',
      'a has ended',
      'b has ended',
      'server is told',
      'server has ended',
    ]);
  });

  it('hands on why it ends', async () => {
    const stop = new AbortController();
    let because: unknown;
    const server: Component = {
      name: 'server',
      async run(signal) {
        await aborted(signal);
        because = signal.reason;
      },
    };
    const running = runAll(within([server], [slow('a', [], 1)]), stop.signal, () => {}, silent);
    stop.abort(new Error('enough'));
    await running;
    expect(because).toEqual(new Error('enough'));
  });

  it('needs no users', async () => {
    const seen: string[] = [];
    const stop = new AbortController();
    await runAll(within([slow('server', seen, 1)], []), stop.signal, () => stop.abort(), silent);
    expect(seen).toEqual(['server is told', 'server has ended']);
  });

  it('ends all when a user fails, and when what is used does', async () => {
    const failing: Component = { name: 'bad', run: () => Promise.reject(new Error('no')) };
    const never = new AbortController().signal;
    const seen: string[] = [];
    await expect(
      runAll(within([slow('server', seen, 1)], [failing, slow('a', seen, 1)]), never, () => {}, silent),
    ).rejects.toThrow('bad: no');
    await expect(runAll(within([failing], [slow('b', seen, 1)]), never, () => {}, silent)).rejects.toThrow('bad: no');
    expect(seen).toEqual(['a is told', 'a has ended', 'server is told', 'server has ended']);
  });

  it('begins with the users when all that they use is ready, and not at all when it is stopped before', async () => {
    const seen: string[] = [];
    const stop = new AbortController();
    let becomeReady = (): void => {};
    const late: Component = {
      name: 'late',
      async run(signal, ready) {
        becomeReady = ready;
        await aborted(signal);
      },
    };
    const user: Component = {
      name: 'user',
      async run(signal, ready) {
        seen.push('user begins');
        ready();
        await aborted(signal);
      },
    };
    const running = runAll(within([slow('server', seen, 1), late], [user]), stop.signal, () => stop.abort(), silent);
    await setImmediate();
    expect(seen).toEqual([]);
    becomeReady();
    await running;
    expect(seen).toEqual(['user begins', 'server is told', 'server has ended']);
    const early = new AbortController();
    const unready = runAll(within([late], [user]), early.signal, () => {}, silent);
    early.abort();
    await unready;
    expect(seen).toHaveLength(3);
  });
});
