import { lstatSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { applyRemoval, type RemovalTools } from '../../../../src/bootstrap/reset/remove.ts';

test('a directory that was to go once it is empty stays where it holds something, and where a link or a file is in its place by now', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'remove-'));
  const remove = (path: string) => {
    const file = { kind: 'empty-directory', path, because: 'was not there before' } as const;
    // no file needs any of them
    return applyRemoval({ kind: 'file', because: file.because, file }, {} as RemovalTools);
  };
  try {
    const [empty, full, link, file] = ['empty', 'full', 'link', 'file'].map(name => join(directory, name)) as [
      string,
      string,
      string,
      string,
    ];
    mkdirSync(empty);
    mkdirSync(join(full, 'more'), { recursive: true });
    symlinkSync(full, link);
    writeFileSync(file, '');
    expect(await remove(empty)).toBe(true);
    for (const path of [empty, full, link, file]) expect(await remove(path)).toBe(false);
    for (const path of [full, link, file]) expect(lstatSync(path)).toBeDefined();
  } finally {
    rmSync(directory, { recursive: true });
  }
});
