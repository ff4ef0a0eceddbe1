import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { realDisk } from '../../../src/bootstrap/disk.ts';
import { filesBelow } from '../../../src/bootstrap/files.ts';
import { markingDisk } from '../../../src/bootstrap/init/marking-disk.ts';
import { STANDING_DIRECTORIES } from '../../../src/bootstrap/marker/format.ts';
import { claimsOf, etcdMember, initPaths, joinPaths } from '../../../src/bootstrap/marker/paths.ts';
import type { Mark } from '../../../src/bootstrap/marker/plan.ts';
import { ensureMarker, readMarker, standingFiles, takeOver } from '../../../src/bootstrap/marker.ts';

const roots: string[] = [];
afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true });
});
function newFiles() {
  const root = mkdtempSync(join(tmpdir(), 'marker-'));
  roots.push(root);
  return filesBelow(root);
}

describe('the marker of a node', () => {
  it('is not there where no command has run', () => {
    expect(readMarker(newFiles())).toBeUndefined();
  });

  it('tells the command that began', () => {
    const files = newFiles();
    ensureMarker(files, 'join');
    expect(readMarker(files)?.command).toBe('join');
  });

  it('tells where else keys and the data of etcd are', () => {
    const files = { ...newFiles(), pkiDir: '/srv/pki', etcdDataDir: '/srv/etcd' };
    ensureMarker(files, 'init');
    expect(readMarker(filesBelow(files.kubernetesDir.replace('/etc/kubernetes', '')))?.places).toEqual({
      pkiDir: '/srv/pki',
      etcdDataDir: '/srv/etcd',
    });
  });

  it('stays as the first command has written it', () => {
    const files = newFiles();
    ensureMarker(files, 'init');
    const before = readFileSync(files.marker, 'utf8');
    ensureMarker(files, 'join');
    expect(readFileSync(files.marker, 'utf8')).toBe(before);
  });

  it('becomes that of an init after a join that was cut off, and keeps what was there before both', () => {
    const files = newFiles();
    const [before, chosen] = [`${files.kubernetesDir}-before`, `${files.kubernetesDir}-chosen`];
    ensureMarker({ ...files, pkiDir: before }, 'join');
    const first = readMarker(files);
    for (const path of [before, chosen]) mkdirSync(path);
    ensureMarker({ ...files, pkiDir: chosen, etcdDataDir: before }, 'init');
    expect(readMarker(files)).toEqual({
      ...first,
      command: 'init',
      places: { pkiDir: chosen, etcdDataDir: before },
      standing: [...(first?.standing ?? []), chosen],
      modes: { ...first?.modes, [chosen]: expect.anything() },
    });
  });

  it('remembers an etcd of somebody else, one that was configured later too, and every file for one', () => {
    const files = newFiles();
    const mark = (file: string) => ({ etcd: { endpoints: ['https://e:2379'], files: ['/e/ca.crt', file] } });
    ensureMarker(files, 'init');
    const first = readMarker(files);
    ensureMarker(files, 'init', mark('/e/a.key'));
    ensureMarker(files, 'init', mark('/e/b.key'));
    ensureMarker(files, 'init');
    expect(readMarker(files)).toEqual({
      ...first,
      externalEtcd: { endpoints: ['https://e:2379'], files: ['/e/ca.crt', '/e/a.key', '/e/b.key'] },
    });
  });

  const put = (path: string) => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, '');
  };
  const madeOf = (files: ReturnType<typeof newFiles>) => readMarker(files)?.made ?? [];

  const write = (files: ReturnType<typeof newFiles>, paths: readonly string[], etcd: Mark['etcd'] = 'local') => {
    const disk = markingDisk(realDisk, files, etcd);
    for (const path of paths) if (!disk.exists(path)) disk.write(path, '', 0o600);
  };

  it('has made nothing when init goes on, and then what init writes, but for what stood there', () => {
    const files = newFiles();
    const own = `${files.pkiDir}/ca.key`;
    put(own);
    takeOver(files, 'local');
    expect(readMarker(files)).toMatchObject({ passed: true, made: [] });
    const { kubeletDir } = files;
    const written = initPaths(files, 'local').map(path => (path === kubeletDir ? files.kubeletConfig : path));
    write(files, written);
    expect(madeOf(files)).toEqual(initPaths(files, 'local').filter(path => path !== own));
  });

  it('has not made a CA that the admin puts there between an init that stopped and the next one, and has made what is signed by it', () => {
    const files = newFiles();
    takeOver(files, 'local');
    const ca = [`${files.pkiDir}/ca.crt`, `${files.pkiDir}/ca.key`];
    for (const path of ca) put(path);
    takeOver(files, 'local');
    write(files, [...ca, `${files.pkiDir}/apiserver.key`]);
    expect(madeOf(files)).toEqual([`${files.pkiDir}/apiserver.key`]);
  });

  it('has made the keys of an etcd that were made before the cluster got one of somebody else, and none that stood there when it got its own', () => {
    const external = { endpoints: ['https://e:2379'], files: ['/e/ca.crt'] };
    const first = newFiles();
    write(
      first,
      initPaths(first, 'local').filter(path => path !== first.kubeletDir),
    );
    const made = madeOf(first);
    expect(made).toContain(etcdMember(first));
    takeOver(first, external);
    write(first, [`${first.pkiDir}/etcd/server.key`], external);
    expect(madeOf(first)).toEqual(made);
    const second = newFiles();
    takeOver(second, external);
    const theirs = `${second.pkiDir}/etcd/server.key`;
    put(theirs);
    put(`${etcdMember(second)}/wal`);
    takeOver(second, 'local');
    write(second, [theirs, `${second.pkiDir}/etcd/server.crt`]);
    markingDisk(realDisk, second, 'local').makeDirectory(second.etcdDataDir, 0o700);
    expect(madeOf(second)).toEqual([`${second.pkiDir}/etcd/server.crt`]);
    expect(readMarker(second)).toMatchObject({ etcdFiles: ['/e/ca.crt'] });
    expect(readMarker(second)?.externalEtcd).toBeUndefined();
  });

  it('has made of single phases what each was about to write, and has not passed', () => {
    const files = newFiles();
    const claims = [`${files.pkiDir}/sa.key`, `${files.pkiDir}/ca.key`];
    put(`${files.pkiDir}/ca.key`);
    ensureMarker(files, 'init', { claims });
    ensureMarker(files, 'init', { claims: claimsOf(`${files.kubeletDir}/config.yaml`, files) });
    ensureMarker(files, 'init', { claims: claimsOf(files.etcdDataDir, files) });
    ensureMarker(files, 'init', { claims: claimsOf(`${files.kubernetesDir}/notes.txt`, files) });
    expect(readMarker(files)).toMatchObject({
      passed: false,
      made: [claims[0], files.kubeletDir, etcdMember(files)],
    });
  });

  it("knows what stood in the kubelet's directory before its first write there, one deep", () => {
    const files = newFiles();
    for (const name of ['config.json', 'pods/old/volumes/x']) put(`${files.kubeletDir}/${name}`);
    ensureMarker(files, 'join', { claims: joinPaths(files) });
    put(`${files.kubeletDir}/config.yaml`);
    ensureMarker(files, 'join', { claims: joinPaths(files), passed: true });
    expect(readMarker(files)).toMatchObject({
      passed: true,
      made: joinPaths(files),
      kubeletHad: ['config.json', 'pods/', 'pods/old'],
    });
  });

  it('has not passed init where a join did', () => {
    const files = newFiles();
    ensureMarker(files, 'join', { claims: joinPaths(files), passed: true });
    ensureMarker(files, 'init');
    expect(readMarker(files)).toMatchObject({ command: 'init', passed: false, made: joinPaths(files) });
  });

  it.each([
    ['of an earlier version', '{"command":"init"}', {}],
    ['that was cut off', '{"comm', {}],
    ['of an earlier join', '{"command":"join"}', { command: 'join' as const }],
  ])('%s keeps every directory that may have been there before, and goes by names', (_what, text, told) => {
    const files = newFiles();
    ensureMarker(files, 'init');
    writeFileSync(files.marker, text);
    const { pkiDir, etcdDataDir } = files;
    const made = 'command' in told ? joinPaths(files) : [...initPaths(files, 'local'), files.bootstrapKubeletConf];
    expect(readMarker(files)).toEqual({
      command: 'init',
      ...told,
      places: { pkiDir, etcdDataDir },
      standing: STANDING_DIRECTORIES,
      modes: {},
      passed: true,
      made,
      kubeletHad: [],
    });
  });

  it('of an earlier version with an etcd of somebody else has made nothing of an etcd', () => {
    const files = newFiles();
    ensureMarker(files, 'init');
    writeFileSync(files.marker, '{"command":"init","externalEtcd":{"endpoints":[],"files":[]}}');
    expect(madeOf(files)).toEqual([...initPaths(files, 'external'), files.bootstrapKubeletConf]);
  });
});

describe('where a node has its files', () => {
  const rootOf = (path: string) => path.replace('/etc/gantry/bootstrap.json', '');

  it('is in the default places where nobody knows it otherwise', () => {
    const files = newFiles();
    expect(standingFiles(rootOf(files.marker))).toEqual(files);
  });

  it('is as kubeadm-config says where only its copy is left', () => {
    const files = newFiles();
    mkdirSync(dirname(files.clusterConfiguration), { recursive: true });
    writeFileSync(files.clusterConfiguration, 'certificatesDir: /srv/pki\n');
    const root = rootOf(files.marker);
    expect(standingFiles(root)).toMatchObject({ pkiDir: `${root}/srv/pki`, caCert: `${root}/srv/pki/ca.crt` });
  });

  it.each([
    ['init', { pkiDir: '/srv/pki', caCert: '/srv/pki/ca.crt' }],
    ['join', { pkiDir: '/srv', caCert: '/srv/cluster.crt' }],
  ] as const)('is as %s was told', (command, told) => {
    const files = newFiles();
    ensureMarker({ ...files, ...told }, command);
    expect(standingFiles(rootOf(files.marker))).toEqual({ ...files, ...told });
  });
});
