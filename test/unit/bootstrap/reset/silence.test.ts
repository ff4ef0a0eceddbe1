import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { filesBelow } from '../../../../src/bootstrap/files.ts';
import { resetNames } from '../../../../src/bootstrap/reset/names.ts';
import { directoriesWithLinks, isSilent, silenceOf, withSilence } from '../../../../src/bootstrap/reset/silence.ts';

const PARTS = {
  bridge: 'gantry0',
  podLinks: [],
  routeProtocol: 103,
  tables: [],
  conflist: '10-gantry.conflist',
  profile: 'gantry-default',
};
const NAMES = resetNames(filesBelow('/'), PARTS, ['/mnt/nfs/etcd/ca.crt']);

const roots: string[] = [];
afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true });
});

describe('a directory whose disk or server does not answer', () => {
  it.each([
    ['/var/lib/kubelet', true],
    ['/var/lib/kubelet/pods/x', true],
    ['/var/lib/kubelet2', false],
    ['/var/lib', false],
  ])('holds %s: %s', (path, is) => {
    expect(isSilent(path, ['/var/lib/kubelet'])).toBe(is);
  });

  it('is asked before links are looked for in it or in what is above it', () => {
    expect(directoriesWithLinks(NAMES)).toEqual(
      expect.arrayContaining(['/var/lib/kubelet', '/var/lib/etcd', '/var/lib', '/var/log', '/mnt/nfs/etcd']),
    );
  });

  it('is asked in places of commands before, too', () => {
    const earlier = { pkiDirs: ['/mnt/a/pki'], etcdDataDirs: ['/mnt/b/etcd'] };
    expect(directoriesWithLinks(resetNames(filesBelow('/'), PARTS, [], earlier))).toEqual(
      expect.arrayContaining(['/mnt/a/pki', '/mnt/a', '/mnt/b/etcd', '/mnt/b']),
    );
  });

  it('is not followed, where one that answers is', () => {
    const root = mkdtempSync(join(tmpdir(), 'silence-'));
    roots.push(root);
    for (const name of ['kubelet', 'gantry']) {
      mkdirSync(join(root, 'disk', name), { recursive: true });
      symlinkSync(join(root, 'disk', name), join(root, name));
    }
    const names = { ...NAMES, kubeletDir: join(root, 'kubelet'), dataDir: join(root, 'gantry') };
    expect(withSilence(names, [names.kubeletDir])).toMatchObject({
      kubeletDir: names.kubeletDir,
      dataDir: join(root, 'disk/gantry'),
      silent: [names.kubeletDir],
    });
  });

  it('is told once, and not what is below it', () => {
    expect(silenceOf(['/var/lib/kubelet/pods', '/var/lib/kubelet', '/var/lib/kubelet'])).toEqual([
      { path: '/var/lib/kubelet', code: 'no answer within 3 s' },
    ]);
  });
});
