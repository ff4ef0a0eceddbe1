import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KeptFiles } from '../../../src/linux/kept-files.ts';

describe('files that are kept', () => {
  let directory: string;
  let kept: KeptFiles;
  const failures: unknown[] = [];
  const path = (name: string): string => join(directory, name);
  const read = (name: string): string => readFileSync(path(name), 'utf8');
  const untilIs = async (name: string, text: string): Promise<void> => {
    for (let n = 0; n < 2000 && read(name) !== text; n += 1) await setTimeout(1);
    expect(read(name)).toBe(text);
  };

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'gantry-kept-files-'));
    writeFileSync(path('cpu.max'), 'max 100000');
    writeFileSync(path('memory.oom.group'), '0');
    failures.length = 0;
    kept = new KeptFiles((file, error) => failures.push([file, error]));
  });
  afterEach(() => {
    kept.close();
    rmSync(directory, { recursive: true, force: true });
    expect(failures).toEqual([]);
  });

  it('are written, and again when somebody else has written them', async () => {
    kept.keep('a', { [path('cpu.max')]: '33300 100000', [path('memory.oom.group')]: '1' });
    expect([read('cpu.max'), read('memory.oom.group')]).toEqual(['33300 100000', '1']);
    for (const other of ['34000 100000', 'max 100000']) {
      writeFileSync(path('cpu.max'), other);
      await untilIs('cpu.max', '33300 100000');
    }
    writeFileSync(path('memory.oom.group'), '0');
    await untilIs('memory.oom.group', '1');
  });

  it('are the ones told last, and those of before are let go', async () => {
    kept.keep('a', { [path('cpu.max')]: '33300 100000', [path('memory.oom.group')]: '1' });
    kept.keep('a', { [path('memory.oom.group')]: '1' });
    writeFileSync(path('cpu.max'), '34000 100000');
    writeFileSync(path('memory.oom.group'), '0');
    await untilIs('memory.oom.group', '1');
    expect(read('cpu.max')).toBe('34000 100000');
  });

  it('are let go one owner at a time', async () => {
    kept.keep('a', { [path('cpu.max')]: '33300 100000' });
    kept.keep('b', { [path('memory.oom.group')]: '1' });
    kept.release('a');
    kept.release('a');
    writeFileSync(path('cpu.max'), '34000 100000');
    writeFileSync(path('memory.oom.group'), '0');
    await untilIs('memory.oom.group', '1');
    expect(read('cpu.max')).toBe('34000 100000');
  });

  it.each([1, 2, 4])('are written again where somebody else writes right after %i of our writes', async times => {
    const file = path('memory.oom.group');
    let left = times;
    const busy = new KeptFiles((file, error) => failures.push([file, error]), {
      read: file => {
        if (left > 0) writeFileSync(file, '0');
        left -= 1;
        return readFileSync(file, 'utf8');
      },
      write: (file, text) => writeFileSync(file, text),
    });
    busy.keep('a', { [file]: '1' });
    await untilIs('memory.oom.group', '1');
    busy.close();
  });

  it('are known by what the kernel makes of the text', async () => {
    const pages = path('memory.high');
    writeFileSync(pages, 'max\n');
    let writes = 0;
    const rounding = new KeptFiles((file, error) => failures.push([file, error]), {
      read: file => readFileSync(file, 'utf8'),
      write: (file, text) => {
        writes += 1;
        writeFileSync(file, `${Math.floor(Number(text) / 4096) * 4096}\n`);
      },
    });
    rounding.keep('a', { [pages]: '10000' });
    await setTimeout(30);
    expect([read('memory.high'), writes]).toEqual(['8192\n', 5]);
    writeFileSync(pages, 'max\n');
    await untilIs('memory.high', '8192\n');
    rounding.close();
  });

  it('that are gone are no failure', async () => {
    kept.keep('a', { [path('gone/memory.oom.group')]: '1' });
    kept.keep('b', { [path('cpu.max')]: '33300 100000' });
    rmSync(path('cpu.max'));
    await setTimeout(20);
    appendFileSync(path('cpu.max'), 'somebody else');
    await setImmediate();
    expect(read('cpu.max')).toBe('somebody else');
  });

  it('that cannot be written are an error, and none of them is kept', async () => {
    expect(() => kept.keep('a', { [path('memory.oom.group')]: '1', [directory]: '1' })).toThrow('EISDIR');
    writeFileSync(path('memory.oom.group'), '0');
    await setTimeout(20);
    expect(read('memory.oom.group')).toBe('0');
  });
});
