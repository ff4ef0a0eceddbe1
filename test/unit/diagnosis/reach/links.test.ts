import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, normalize } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLinks } from '../../../../src/diagnosis/reach/links.ts';

describe('a link to where nobody answers', () => {
  let top = '';
  let asked: string[] = [];
  const at = (...names: readonly string[]): string => join(top, ...names);
  /** As if nobody answered in `hung` and below it. */
  const answers = async (path: string): Promise<boolean> => {
    asked.push(path);
    const real = normalize(path);
    return !(real === at('hung') || real.startsWith(`${at('hung')}/`));
  };

  beforeEach(() => {
    top = realpathSync(mkdtempSync(join(tmpdir(), 'links-')));
    asked = [];
    for (const name of ['etc/pki/etcd', 'hung', 'disk']) mkdirSync(at(name), { recursive: true });
    writeFileSync(at('etc/pki/current.pem'), '');
    symlinkSync('etc', at('other'));
  });
  afterEach(() => rmSync(top, { recursive: true }));

  it('is found in a directory and its directories, and so is one by a link and by a link of a directory', async () => {
    symlinkSync(at('hung/apiserver.crt'), at('etc/pki/apiserver.crt'));
    symlinkSync('../../../hung', at('etc/pki/etcd/keys'));
    symlinkSync(at('disk/sa'), at('etc/pki/sa.key'));
    symlinkSync('../hung/sa.key', at('disk/sa'));
    symlinkSync(at('disk/nothing'), at('etc/pki/ca.key'));
    const found = await silentLinks(at('etc'), answers, { deep: true });
    expect([...found].sort((a, b) => (a.path < b.path ? -1 : 1))).toEqual([
      { path: at('etc/pki/apiserver.crt'), leadsTo: at('hung/apiserver.crt') },
      { path: at('etc/pki/etcd/keys'), leadsTo: at('hung') },
      { path: at('etc/pki/sa.key'), leadsTo: at('hung/sa.key') },
    ]);
    expect(new Set(asked).size).toBe(asked.length);
  });

  it('is found in a place that is a link itself, whose real parent counts', async () => {
    symlinkSync('../../hung/x', at('etc/pki/x'));
    expect(await silentLinks(at('other/pki'), answers, {})).toEqual([
      { path: at('other/pki/x'), leadsTo: at('hung/x') },
    ]);
  });

  it('is not looked for in what is mounted below, nor in directories of a place that is read alone', async () => {
    symlinkSync(at('hung/x'), at('etc/pki/etcd/x'));
    symlinkSync(at('etc/pki/etcd/y'), at('etc/pki/y'));
    expect(await silentLinks(at('etc'), answers, { deep: true, mounts: [at('etc/pki/etcd')] })).toEqual([]);
    expect(asked).toEqual([at('etc/pki/etcd'), at('etc/pki/etcd/y')]);
    expect(await silentLinks(at('etc'), answers)).toEqual([]);
  });

  it('costs nothing to ask for where it stays in the directory', async () => {
    symlinkSync('current.pem', at('etc/pki/kubelet.pem'));
    symlinkSync('itself', at('etc/pki/itself'));
    expect(await silentLinks(at('etc'), answers, { deep: true })).toEqual([]);
    expect(asked).toEqual([]);
  });
});
