import { describe, expect, it } from 'vitest';
import { logEnd, type UnitState, unitStatus } from '../../../src/bootstrap/systemd-services.ts';

describe('logEnd', () => {
  it.each([
    ['nothing', '', '(empty)'],
    ['line breaks alone', '\n\n', '(empty)'],
    ['one line', 'bind: address already in use\n', 'bind: address already in use'],
    ['more lines than are told', 'a\nb\nc\nd\n', 'b | c | d'],
  ])('is of %s the last lines as one', (_what, text, end) => {
    expect(logEnd(text)).toBe(end);
  });

  it('keeps the end of what is too long', () => {
    const end = logEnd(`${'x'.repeat(5000)} the reason`);
    expect(end).toHaveLength(600);
    expect(end).toMatch(/ the reason$/);
  });
});

describe('the status of a unit', () => {
  const unit: UnitState = {
    load: 'loaded',
    active: 'active',
    sub: 'running',
    sinceUs: 1_700_000_000_123_456,
    pid: 7,
    restarts: 2,
    text: 'serving',
  };

  it('is in our words what systemd says in its own', () => {
    expect(unitStatus(unit)).toEqual({
      state: 'running',
      since: 1_700_000_000_123,
      pid: 7,
      restarts: 2,
      statusText: 'serving',
    });
  });

  it.each([
    ['reloading', { active: 'reloading', sub: 'reload' }, 'running'],
    ['starting', { active: 'activating', sub: 'start' }, 'starting'],
    ['waiting for its next start', { active: 'activating', sub: 'auto-restart' }, 'restarting'],
    [
      'waiting for its next start, by a newer systemd',
      { active: 'activating', sub: 'auto-restart-queued' },
      'restarting',
    ],
    ['ending', { active: 'deactivating', sub: 'stop-sigterm' }, 'stopping'],
    ['stopped', { active: 'inactive', sub: 'dead' }, 'stopped'],
    ['failed', { active: 'failed', sub: 'failed' }, 'failed'],
  ] as const)('of one that is %s', (_what, change, state) => {
    expect(unitStatus({ ...unit, ...change }).state).toBe(state);
  });

  it('has nothing of one that is not installed', () => {
    const none = { load: 'not-found', active: 'inactive', sub: 'dead', sinceUs: 0, pid: 0, restarts: 0, text: '' };
    expect(unitStatus(none)).toEqual({
      state: 'absent',
      since: undefined,
      pid: undefined,
      restarts: undefined,
      statusText: undefined,
    });
  });
});
