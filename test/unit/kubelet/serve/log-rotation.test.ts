import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

const line = (second: number, text: string): string => `2026-01-02T03:04:0${second}.5+00:00 stdout F ${text}\n`;

let directory: string;
/** Run once, between the end of the file and the look for another one. */
let meanwhile = (): void => {};
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'gantry-logs-'));
  vi.resetModules();
  vi.doMock('node:fs/promises', async importOriginal => {
    const real = await importOriginal<typeof import('node:fs/promises')>();
    const stat = (path: string) => {
      const now = meanwhile;
      meanwhile = () => {};
      now();
      return real.stat(path);
    };
    return { ...real, stat };
  });
});
afterEach(() => {
  vi.doUnmock('node:fs/promises');
  vi.resetModules();
  rmSync(directory, { recursive: true });
});

describe('a log that is followed', () => {
  it('loses nothing that is written just before another file takes its name', async () => {
    const { readLog } = await import('../../../../src/kubelet/serve/logs/read-log.ts');
    const path = join(directory, '0.log');
    writeFileSync(path, line(1, 'one'));
    meanwhile = () => {
      renameSync(path, `${path}.1`);
      appendFileSync(`${path}.1`, line(2, 'two'));
      writeFileSync(path, line(3, 'three'));
    };
    const options = {
      ...{ follow: true, previous: false, timestamps: false },
      ...{ since: undefined, tailLines: undefined, limitBytes: undefined },
    };
    let seen = '';
    // the container has ended with its last line: what is there is all
    const writer = { isRunning: () => false, onChange: () => () => {} };
    for await (const piece of readLog(path, options, writer, new AbortController().signal)) seen += String(piece);
    expect(seen).toBe('one\ntwo\nthree\n');
  });
});
