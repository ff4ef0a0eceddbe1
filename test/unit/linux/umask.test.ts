import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ensureCertificates, ensureServiceAccountKey } from '../../../src/bootstrap/certificates/certificates.ts';
import { certificatePlan } from '../../../src/bootstrap/certificates/plan.ts';
import { writeFileAtomic } from '../../../src/linux/atomic-file.ts';
import { keepOthersFromWriting } from '../../../src/linux/umask.ts';
import { initSettings } from '../bootstrap/init-settings.ts';

let top: string;
let own: number;
beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'umask-'));
  own = process.umask();
});
afterEach(() => {
  process.umask(own);
  rmSync(top, { recursive: true });
});

const modeOf = (path: string): string => (statSync(join(top, path)).mode & 0o7777).toString(8);

describe('a process that keeps others from writing', () => {
  it.each([
    [0, 0o022],
    [0o002, 0o022],
    [0o022, 0o022],
    [0o027, 0o027],
    [0o077, 0o077],
  ])('has made of the umask %o the umask %o', (before, after) => {
    process.umask(before);
    keepOthersFromWriting();
    keepOthersFromWriting();
    expect(process.umask()).toBe(after);
  });
});

describe('with a umask of 0', () => {
  it('directories that a file is written into are for their owner to write', () => {
    process.umask(0);
    writeFileAtomic(join(top, 'a/b/file'), 'text', { mode: 0o644 });
    expect(['a', 'a/b', 'a/b/file'].map(modeOf)).toEqual(['755', '755', '644']);
    process.umask(0o077);
    writeFileAtomic(join(top, 'c/file'), 'text');
    expect(['c', 'c/file'].map(modeOf)).toEqual(['700', '600']);
  });

  it('one that stood there stays as it is', () => {
    process.umask(0);
    writeFileAtomic(join(top, 'file'), readFileSync('/dev/null'));
    expect(modeOf('.')).toBe('700');
  });

  it('the directories of keys are, too', () => {
    process.umask(0);
    const pkiDir = join(top, 'pki');
    const lives = { leafMs: 3_600_000, caMs: 3_600_000 };
    ensureCertificates(certificatePlan(initSettings()), { pkiDir, lives, now: Date.now() }, () => {});
    ensureServiceAccountKey({ pkiDir }, () => {});
    expect(['pki', 'pki/etcd', 'pki/ca.key', 'pki/ca.crt', 'pki/sa.pub'].map(modeOf)).toEqual([
      '755',
      '755',
      '600',
      '644',
      '644',
    ]);
  });
});
