import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { realDisk } from '../../../src/bootstrap/disk.ts';
import { filesBelow } from '../../../src/bootstrap/files.ts';
import { markingDisk } from '../../../src/bootstrap/init/marking-disk.ts';
import { STANDING_DIRECTORIES } from '../../../src/bootstrap/marker/format.ts';
import { claimsOf, etcdMember, initPaths, joinPaths } from '../../../src/bootstrap/marker/paths.ts';
import { etcdDirectories, type Mark } from '../../../src/bootstrap/marker/plan.ts';
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

  /** Directories of the root of these files. */
  const directoriesOf = (files: ReturnType<typeof newFiles>, ...names: string[]) =>
    names.map(name => `${dirname(files.kubernetesDir)}/${name}`) as [string, string];

  it('follows the places of the last command, and knows of those before what was made there', () => {
    const files = newFiles();
    const [first, second] = directoriesOf(files, 'first', 'second');
    write({ ...files, pkiDir: first, etcdDataDir: first }, [`${first}/ca.key`]);
    takeOver({ ...files, pkiDir: first, etcdDataDir: first }, 'local');
    mkdirSync(second);
    takeOver({ ...files, pkiDir: second, etcdDataDir: second }, 'local');
    expect(readMarker(files)).toMatchObject({
      places: { pkiDir: second, etcdDataDir: second },
      earlier: { pkiDirs: [first], etcdDataDirs: [] },
      made: [`${first}/ca.key`],
      passed: true,
    });
    // what was made is not there before, and what was there is
    expect(readMarker(files)?.standing.filter(path => [first, second].includes(path))).toEqual([second]);
    expect(readMarker(files)?.modes).toHaveProperty([second]);
  });

  it('knows an etcd of single phases that got another directory, and both when it is moved back', () => {
    const files = newFiles();
    const [first, second] = directoriesOf(files, 'first', 'second');
    const [a, b] = [first, second].map(etcdDataDir => ({ ...files, etcdDataDir })) as [typeof files, typeof files];
    ensureMarker(a, 'init', { claims: [`${files.pkiDir}/ca.key`] });
    // nothing was made in the first
    markingDisk(realDisk, b, 'local').makeDirectory(second, 0o700);
    expect(readMarker(files)).toMatchObject({
      places: { etcdDataDir: second },
      made: expect.arrayContaining([etcdMember(b)]),
    });
    expect(readMarker(files)).not.toHaveProperty('earlier');
    markingDisk(realDisk, a, 'local').makeDirectory(first, 0o700);
    expect(readMarker(files)).toMatchObject({
      places: { pkiDir: files.pkiDir, etcdDataDir: first },
      earlier: { pkiDirs: [], etcdDataDirs: [second] },
    });
    ensureMarker(b, 'init');
    expect(readMarker(files)).toMatchObject({
      places: { etcdDataDir: second },
      earlier: { pkiDirs: [], etcdDataDirs: [first] },
    });
    expect(readMarker(files)?.standing).not.toEqual(expect.arrayContaining([first]));
    expect(readMarker(files)?.standing).not.toEqual(expect.arrayContaining([second]));
  });

  it('follows a join that keeps the CA elsewhere than one before that was cut off, and no join where init was', () => {
    const files = newFiles();
    const [first, second] = directoriesOf(files, 'first', 'second');
    const keptIn = (pkiDir: string) => ({ ...files, pkiDir, caCert: `${pkiDir}/cluster.crt` });
    ensureMarker(keptIn(first), 'join', { claims: joinPaths(keptIn(first)), passed: true });
    ensureMarker(keptIn(second), 'join', { claims: joinPaths(keptIn(second)) });
    expect(readMarker(files)).toMatchObject({
      command: 'join',
      passed: true,
      places: { pkiDir: second, caCert: `${second}/cluster.crt` },
      earlier: { pkiDirs: [first], etcdDataDirs: [] },
    });
    ensureMarker(files, 'init');
    expect(readMarker(files)).toMatchObject({
      places: { pkiDir: files.pkiDir },
      earlier: { pkiDirs: [first, second], etcdDataDirs: [] },
    });
    expect(readMarker(files)?.places).not.toHaveProperty('caCert');
    const before = readMarker(files);
    ensureMarker(keptIn(second), 'join');
    expect(readMarker(files)).toEqual(before);
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

  it('names the directory of an etcd that the cluster had before it got one of somebody else', () => {
    const files = newFiles();
    const etcdDataDir = `${files.kubernetesDir}-etcd`;
    markingDisk(realDisk, { ...files, etcdDataDir }, 'local').makeDirectory(etcdDataDir, 0o700);
    takeOver(files, { endpoints: ['https://e:2379'], files: [] });
    const marker = readMarker(files);
    expect(marker?.places.etcdDataDir).toBe(files.etcdDataDir);
    expect(marker === undefined ? [] : etcdDirectories(marker)).toEqual([etcdDataDir]);
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
