import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decideKeptLog, KeptLogs, keptPath } from '../../../../src/cri/oci/kept-log.ts';

describe('the second link to a log', () => {
  const file = (ino: bigint, links: bigint) => ({ ino, links });
  it.each([
    ['is made for a log that has none', file(1n, 1n), undefined, 'keep'],
    ['stays with the log that it is of', file(1n, 2n), file(1n, 2n), 'nothing'],
    ['is all that is left of a log that conmon took away', file(2n, 1n), file(1n, 1n), 'rotate'],
    ['goes from a log that the kubelet renamed to the new one', file(2n, 1n), file(1n, 2n), 'keep-anew'],
    ['stays with the log that it is of, whatever other names that has', file(1n, 3n), file(1n, 3n), 'nothing'],
    ['goes from a log that was renamed and is not begun anew yet', undefined, file(1n, 2n), 'let-go'],
    ['is all that is left, too, where the log that conmon began was renamed', undefined, file(1n, 1n), 'rotate'],
    ['is not made where there is no log', undefined, undefined, 'nothing'],
  ] as const)('%s', (_sentence, log, kept, step) => {
    expect(decideKeptLog(log, kept)).toBe(step);
  });
});

describe('KeptLogs', () => {
  let directory: string;
  let log: string;
  let now: number;
  let logs: KeptLogs;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'kept-log-'));
    log = join(directory, '0.log');
    now = new Date(2026, 0, 2, 3, 4, 5).getTime();
    logs = new KeptLogs(() => now);
    writeFileSync(log, 'first');
    logs.look(log);
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  /** As conmon does at its limit. */
  function beginAnew(text: string): void {
    writeFileSync(`${log}.tmp`, text);
    renameSync(`${log}.tmp`, log);
  }
  const contents = (): Record<string, string> =>
    Object.fromEntries(
      readdirSync(directory)
        .filter(name => !name.startsWith('.'))
        .map(name => [name, readFileSync(join(directory, name), 'utf8')]),
    );

  it('give what conmon took away the name of a rotated log', () => {
    beginAnew('second');
    logs.look(log);
    expect(contents()).toEqual({ '0.log': 'second', '0.log.20260102-030405': 'first' });
  });

  it('have one such file at a time, and take no other away', () => {
    writeFileSync(`${log}.20260101-000000`, "the kubelet's");
    beginAnew('second');
    logs.look(log);
    now += 10_000;
    beginAnew('third');
    logs.look(log);
    expect(contents()).toEqual({
      '0.log': 'third',
      '0.log.20260101-000000': "the kubelet's",
      '0.log.20260102-030415': 'second',
    });
  });

  it('leave alone what the kubelet rotates, compresses and removes', () => {
    renameSync(log, `${log}.20260102-030405`);
    writeFileSync(log, 'second');
    logs.look(log);
    rmSync(`${log}.20260102-030405`);
    logs.look(log);
    expect(contents()).toEqual({ '0.log': 'second' });
    expect(readFileSync(keptPath(log), 'utf8')).toBe('second');
  });

  it('leave no link to the log of a container that has ended, and lose nothing of it', () => {
    beginAnew('second');
    logs.release(log);
    logs.release(log);
    expect(contents()).toEqual({ '0.log': 'second', '0.log.20260102-030405': 'first' });
    expect(existsSync(keptPath(log))).toBe(false);
  });

  it('lose nothing where the kubelet has just renamed what conmon began, and take nobody’s name', () => {
    beginAnew('second');
    renameSync(log, `${log}.20260102-030405`);
    writeFileSync(`${log}.20260102-030404.gz`, 'compressed');
    logs.look(log);
    logs.look(log);
    expect(contents()).toEqual({
      '0.log.20260102-030403': 'first',
      '0.log.20260102-030404.gz': 'compressed',
      '0.log.20260102-030405': 'second',
    });
    expect(existsSync(keptPath(log))).toBe(false);
    writeFileSync(log, 'third');
    logs.look(log);
    expect(readFileSync(keptPath(log), 'utf8')).toBe('third');
  });

  it('let go of a log that was renamed and is not opened anew', () => {
    renameSync(log, `${log}.20260102-030405`);
    logs.release(log);
    expect(contents()).toEqual({ '0.log.20260102-030405': 'first' });
    expect(existsSync(keptPath(log))).toBe(false);
  });

  it('keep a log that somebody removed as one that was rotated', () => {
    rmSync(log);
    logs.look(log);
    logs.release(log);
    expect(readdirSync(directory)).toEqual(['0.log.20260102-030405']);
  });
});
