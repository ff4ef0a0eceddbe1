import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { forgetKeptConfigurations, keptConfigurations } from '../../../../src/bootstrap/reset/kept-configuration.ts';

test('copies of cri.yaml that removals of the package have kept are known by their whole name, and go without anything else', () => {
  const directory = mkdtempSync(join(tmpdir(), 'kept-'));
  try {
    const kept = ['cri.yaml.kept-01234567', 'cri.yaml.kept-89abcdef'];
    const others = ['bootstrap.json', 'cri.yaml', 'cri.yaml.kept-by-me', 'cri.yaml.kept-89abcdef.bak'];
    for (const name of [...kept, 'cri.yaml.kept-89abcdef.new', ...others]) writeFileSync(join(directory, name), '');
    expect(keptConfigurations(directory)).toEqual(kept.map(name => join(directory, name)));
    forgetKeptConfigurations(directory);
    expect(readdirSync(directory).toSorted()).toEqual(others.toSorted());
  } finally {
    rmSync(directory, { recursive: true });
  }
  expect(keptConfigurations(directory)).toEqual([]);
});
