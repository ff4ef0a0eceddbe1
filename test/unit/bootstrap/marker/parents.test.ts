import { mkdirSync, mkdtempSync, renameSync, rmdirSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { realDisk } from '../../../../src/bootstrap/disk.ts';
import { type Files, filesBelow } from '../../../../src/bootstrap/files.ts';
import { markingDisk } from '../../../../src/bootstrap/init/marking-disk.ts';
import { madeDirectory } from '../../../../src/bootstrap/marker/made-directory.ts';
import { ensureMarker, makeParents, readMarker } from '../../../../src/bootstrap/marker.ts';

let root: string;
let srv: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'parents-'));
  srv = `${root}/srv`;
  mkdirSync(srv);
  mkdirSync(`${root}/etc/kubernetes`, { recursive: true });
  mkdirSync(`${root}/var/lib`, { recursive: true });
});
afterEach(() => rmSync(root, { recursive: true }));

const filesWith = (chosen: Partial<Files>): Files => ({ ...filesBelow(root), ...chosen });
const diskOf = (files: Files) => markingDisk(realDisk, files, 'local');
const parents = () => readMarker(filesBelow(root))?.parents;
const asMade = (...paths: readonly string[]) =>
  Object.fromEntries(paths.map(path => [path, expect.stringMatching(/^\d+:\d+$/)]));

describe('directories above the places of a node', () => {
  it('are known once they are made, as what they are', () => {
    const files = filesWith({ etcdDataDir: `${srv}/a/b/etcd/` });
    diskOf(files).makeDirectory(files.etcdDataDir, 0o700);
    expect(parents()).toEqual(asMade(`${srv}/a`, `${srv}/a/b`));
    expect(parents()?.[`${srv}/a`]).toBe(madeDirectory(`${srv}/a`));
    expect(statSync(`${srv}/a`).mode & 0o777).toBe(0o700);
  });

  it('are known of keys, and of the CA of a node that joins', () => {
    const files = filesWith({ pkiDir: `${srv}/keys/pki` });
    diskOf(files).write(`${files.pkiDir}/etcd/ca.crt`, '', 0o644);
    expect(parents()).toEqual(asMade(`${srv}/keys`));
    expect(statSync(`${srv}/keys`).mode & 0o777).toBe(0o755);
    const joining = filesWith({ pkiDir: `${srv}/c/d/pki` });
    makeParents(`${joining.pkiDir}/ca.crt`, 0o755, joining, 'join');
    expect(parents()).toEqual(asMade(`${srv}/keys`, `${srv}/c`, `${srv}/c/d`));
  });

  it('are not made by a command that makes nothing in them: what an admin puts there then is the admin’s', () => {
    const files = filesWith({ etcdDataDir: `${srv}/disk/etcd` });
    diskOf(files).write(`${files.pkiDir}/ca.crt`, '', 0o644);
    mkdirSync(`${srv}/disk`);
    diskOf(files).write(`${files.pkiDir}/sa.key`, '', 0o600);
    diskOf(files).makeDirectory(files.etcdDataDir, 0o700);
    expect(readMarker(files)).not.toHaveProperty('parents');
  });

  it('are no links, wherever they lead', () => {
    mkdirSync(`${root}/disk`);
    symlinkSync(`${root}/disk`, `${srv}/link`);
    symlinkSync(`${root}/nowhere`, `${srv}/dangling`);
    const files = filesWith({ pkiDir: `${srv}/dangling/pki`, etcdDataDir: `${srv}/link/a/etcd` });
    expect(() => diskOf(files).write(`${files.pkiDir}/ca.crt`, '', 0o644)).toThrow();
    diskOf(files).makeDirectory(files.etcdDataDir, 0o700);
    expect(parents()).toEqual(asMade(`${srv}/link/a`));
  });

  it('are told from what comes to their places later, and known again where they are made again', () => {
    const files = filesWith({ etcdDataDir: `${srv}/disk/etcd` });
    diskOf(files).makeDirectory(files.etcdDataDir, 0o700);
    const made = parents()?.[`${srv}/disk`];
    renameSync(`${srv}/disk`, `${root}/moved`);
    expect(madeDirectory(`${srv}/disk`)).toBeUndefined();
    symlinkSync(`${root}/moved`, `${srv}/disk`);
    expect(madeDirectory(`${srv}/disk`)).toBeUndefined();
    rmSync(`${srv}/disk`);
    mkdirSync(`${srv}/disk`);
    expect(madeDirectory(`${srv}/disk`)).not.toBe(made);
    rmdirSync(`${srv}/disk`);
    diskOf(files).makeDirectory(files.etcdDataDir, 0o700);
    expect(parents()).toEqual({ [`${srv}/disk`]: madeDirectory(`${srv}/disk`) });
    expect(parents()?.[`${srv}/disk`]).not.toBe(made);
  });

  it('stay known where later commands have other places, and none are known where all were there', () => {
    const files = filesWith({ etcdDataDir: `${srv}/a/etcd` });
    diskOf(filesBelow(root)).makeDirectory(`${root}/var/lib/etcd`, 0o700);
    expect(readMarker(files)).not.toHaveProperty('parents');
    diskOf(files).makeDirectory(files.etcdDataDir, 0o700);
    ensureMarker(filesBelow(root), 'init', { passed: true });
    expect(parents()).toEqual(asMade(`${srv}/a`));
  });
});
