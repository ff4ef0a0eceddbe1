import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { criPaths } from '../../../../src/cri/paths.ts';
import { recordFilesOnDisk } from '../../../../src/cri/store/record-files.ts';
import { containerRecord, idOf, sandboxRecord } from '../records.ts';

const LONG = 64 << 10;

describe('a record that is written often', () => {
  let base: string;
  let paths: ReturnType<typeof criPaths>;
  let containerFile: string;
  let sandboxFile: string;
  beforeEach(() => {
    base = mkdtempSync(join(tmpdir(), 'record-files-'));
    paths = criPaths({ root: `${base}/root`, state: `${base}/state` });
    containerFile = paths.containerRecord(idOf('b'));
    sandboxFile = paths.sandboxRecord(idOf('a'));
    for (const file of [containerFile, sandboxFile]) mkdirSync(dirname(file), { recursive: true });
  });
  afterEach(() => rmSync(base, { recursive: true, force: true }));

  /** Until it is as long as may be, and by so many more. */
  function fill(files: ReturnType<typeof recordFilesOnDisk>, more = 0): void {
    let exitCode = 0;
    const write = (): void => {
      exitCode += 1;
      files.writeContainer(containerRecord({ exitCode }));
      files.writeSandbox(sandboxRecord({ hostname: `host-${exitCode}` }));
    };
    write();
    while (statSync(containerFile).size < LONG || statSync(sandboxFile).size < LONG) write();
    for (let n = 0; n < more; n += 1) write();
  }

  it('does not grow without end, and is as it was written last', () => {
    const files = recordFilesOnDisk(paths);
    let largest = 0;
    let line = 0;
    for (let exitCode = 1; exitCode <= 500; exitCode += 1) {
      files.writeContainer(containerRecord({ exitCode }));
      const { size } = statSync(containerFile);
      line = exitCode === 1 ? size : line;
      largest = Math.max(largest, size);
    }
    expect(largest).toBeGreaterThan(LONG);
    expect(largest).toBeLessThan(LONG + 2 * line);
    expect(files.readAll().containers).toEqual([containerRecord({ exitCode: 500 })]);
    expect(readdirSync(dirname(containerFile))).toEqual(['record.json']);
    expect(statSync(containerFile).mode & 0o777).toBe(0o600);
  });

  it('is as it was before the next write, wherever that is cut off', () => {
    const files = recordFilesOnDisk(paths);
    let exitCode = 1;
    files.writeContainer(containerRecord({ exitCode }));
    while (statSync(containerFile).size < LONG) {
      exitCode += 1;
      files.writeContainer(containerRecord({ exitCode }));
    }
    files.writeContainer(containerRecord({ exitCode: 1000 }));
    const before = readFileSync(containerFile);
    expect(before.length).toBeLessThan(LONG);
    files.writeContainer(containerRecord({ exitCode: 1001 }));
    const after = readFileSync(containerFile);
    for (let cut = before.length; cut < after.length - 1; cut += 1) {
      writeFileSync(containerFile, after.subarray(0, cut));
      const { containers, unreadable } = files.readAll();
      expect([containers, unreadable]).toEqual([[containerRecord({ exitCode: 1000 })], []]);
    }
  });

  it('is as it was where the shim died amid the new file, and that goes', () => {
    const files = recordFilesOnDisk(paths, (path, data) => {
      writeFileSync(`${path}.tmp-0123abcd`, data.slice(0, 10));
      throw new Error('killed');
    });
    fill(files);
    files.writeSandbox(sandboxRecord({ hostname: 'later' }));
    expect(existsSync(`${sandboxFile}.tmp-0123abcd`)).toBe(true);
    const { sandboxes, unreadable } = files.readAll();
    expect([sandboxes, unreadable]).toEqual([[sandboxRecord({ hostname: 'later' })], []]);
    expect(readdirSync(dirname(sandboxFile))).toEqual([`${idOf('a')}.json`]);
  });

  it('grows on where the disk has no room for the new file', () => {
    const files = recordFilesOnDisk(paths, () => {
      throw new Error('ENOSPC: no space left on device');
    });
    fill(files, 3);
    files.writeContainer(containerRecord({ exitCode: 1000 }));
    expect(statSync(containerFile).size).toBeGreaterThan(LONG);
    expect(files.readAll().containers).toEqual([containerRecord({ exitCode: 1000 })]);
  });

  it('stays whole where few lines alone make it long', () => {
    const replaced: string[] = [];
    const files = recordFilesOnDisk(paths, path => void replaced.push(path));
    const message = 'x'.repeat(LONG);
    for (const exitCode of [1, 2, 3]) files.writeContainer(containerRecord({ exitCode, message }));
    expect(statSync(containerFile).size).toBeGreaterThan(3 * LONG);
    expect(replaced).toEqual([]);
  });
});
