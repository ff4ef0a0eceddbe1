import { execFileSync } from 'node:child_process';
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeCheckpointArchive } from '../../../../src/cri/checkpoint/checkpoint-archive.ts';
import { clearCheckpoints, makeCheckpointDirectory } from '../../../../src/cri/checkpoint/checkpoint-directory.ts';
import { checkpointDocuments } from '../../../../src/cri/checkpoint/checkpoint-documents.ts';
import { checkpointRefusal, dumpLogEnd, withoutLogPath } from '../../../../src/cri/checkpoint/checkpoint-support.ts';
import { type TarEntry, tarChunks } from '../../../../src/cri/checkpoint/tar-writer.ts';
import { ContainerStatus } from '../../../../src/rpc/cri-api.ts';

let base: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'checkpoint-'));
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

const tar = (...args: string[]): string => execFileSync('tar', args, { encoding: 'utf8' });
const FIELDS = { mode: 0o640, uid: 0, gid: 0, mtime: 1_000_000_000 };

async function* one<T>(...values: T[]): AsyncGenerator<T> {
  yield* values;
}

async function written(entries: AsyncIterable<TarEntry>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of tarChunks(entries)) chunks.push(chunk);
  const path = `${base}/written.tar`;
  writeFileSync(path, Buffer.concat(chunks));
  return path;
}

describe('the tar writer', () => {
  it('writes what tar reads: long names and links, large numbers, devices', async () => {
    const long = `${'d'.repeat(90)}/${'ü'.repeat(60)}`;
    const archive = await written(
      one<TarEntry>(
        { ...FIELDS, name: long, type: 'file', size: 5, content: one(Buffer.from('hello')) },
        { ...FIELDS, name: 'to', type: 'symlink', linkName: long },
        { ...FIELDS, name: 'owned', type: 'directory', uid: 4_000_000_000, gid: 7 },
        { ...FIELDS, name: 'null', type: 'char', device: { major: 1, minor: 3 } },
        { ...FIELDS, name: 'pipe', type: 'fifo' },
      ),
    );
    const rows = tar('--numeric-owner', '--quoting-style=literal', '--utc', '-tvf', archive).trim().split('\n');
    expect(rows.map(row => row.replace(/\s+/g, ' '))).toEqual([
      `-rw-r----- 0/0 5 2001-09-09 01:46 ${long}`,
      `lrw-r----- 0/0 0 2001-09-09 01:46 to -> ${long}`,
      'drw-r----- 4000000000/7 0 2001-09-09 01:46 owned/',
      'crw-r----- 0/0 1,3 2001-09-09 01:46 null',
      'prw-r----- 0/0 0 2001-09-09 01:46 pipe',
    ]);
    expect(tar('-xOf', archive, long)).toBe('hello');
  });

  it('cuts and fills up what is not as long as it said, so that the next entry is found', async () => {
    const archive = await written(
      one<TarEntry>(
        { ...FIELDS, name: 'grown', type: 'file', size: 3, content: one(Buffer.from('12'), Buffer.from('345')) },
        { ...FIELDS, name: 'shrunk', type: 'file', size: 4, content: one(Buffer.from('1')) },
        { ...FIELDS, name: 'last', type: 'file', size: 2, content: one(Buffer.from('ok')) },
      ),
    );
    expect(['grown', 'shrunk', 'last'].map(name => tar('-xOf', archive, name))).toEqual(['123', '1\0\0\0', 'ok']);
  });
});

describe('the archive of a checkpoint', () => {
  const documents = new Map([['config.dump', '{}']]);

  function prepared(): Parameters<typeof writeCheckpointArchive>[1] {
    const directory = makeCheckpointDirectory({ checkpoints: `${base}/checkpoints` });
    writeFileSync(`${directory.imagePath}/core-1.img`, 'core');
    writeFileSync(`${directory.workPath}/dump.log`, 'said');
    const upperDir = `${base}/upper`;
    mkdirSync(`${upperDir}/etc`, { recursive: true });
    writeFileSync(`${upperDir}/etc/own`, 'own');
    linkSync(`${upperDir}/etc/own`, `${upperDir}/etc/same`);
    symlinkSync('/etc/shadow', `${upperDir}/etc/out`);
    writeFileSync(`${base}/0.log`, 'line');
    return { directory, documents, upperDir, logPath: `${base}/0.log` };
  }

  it('holds images, changes, documents and logs, for its owner alone', async () => {
    const location = `${base}/out.tar`;
    writeFileSync(location, 'an older one', { mode: 0o644 });
    await writeCheckpointArchive(location, prepared(), new AbortController().signal);
    expect(tar('-tf', location).trim().split('\n').sort()).toEqual(
      ['checkpoint/', 'checkpoint/core-1.img', 'config.dump', 'container.log', 'dump.log', 'rootfs-diff.tar'].sort(),
    );
    expect(statSync(location).mode & 0o777).toBe(0o600);
    tar('-xf', location, '-C', base, 'rootfs-diff.tar');
    const rows = tar('-tvf', `${base}/rootfs-diff.tar`).trim().split('\n');
    expect(rows.map(row => row.replace(/^.*:\d\d /, ''))).toEqual([
      'etc/',
      'etc/out -> /etc/shadow',
      'etc/own',
      'etc/same link to etc/own',
    ]);
    expect(readdirSync(base).filter(name => name.startsWith('.'))).toEqual([]);
  });

  it('is not there, nor a part of it, when the caller leaves before it is whole', async () => {
    const leave = new AbortController();
    leave.abort(new Error('left'));
    const location = `${base}/out.tar`;
    await expect(writeCheckpointArchive(location, prepared(), leave.signal)).rejects.toThrow('left');
    expect(readdirSync(base).filter(name => name.includes('tar') || name.startsWith('.'))).toEqual([]);
  });

  it('is taken away with its directory at the next start where a crash cut it short', () => {
    const paths = { checkpoints: `${base}/checkpoints`, trash: `${base}/trash` };
    const unfinished = makeCheckpointDirectory(paths).temporaryBeside(`${base}/out.tar`);
    writeFileSync(unfinished, 'half');
    const strange = makeCheckpointDirectory(paths);
    writeFileSync(`${strange.path}/temporary`, `${base}/precious`);
    writeFileSync(`${base}/precious`, '');
    clearCheckpoints(paths);
    expect(existsSync(unfinished)).toBe(false);
    expect(existsSync(`${base}/precious`)).toBe(true);
    expect(readdirSync(paths.checkpoints)).toEqual([]);
    clearCheckpoints(paths);
  });

  it('that was made by nobody leaves nothing to clear', () => {
    clearCheckpoints({ checkpoints: `${base}/none`, trash: `${base}/trash` });
    expect(readdirSync(base)).toEqual([]);
  });
});

describe('the documents of a checkpoint', () => {
  it('have the names and whole numbers that containerd writes', () => {
    const status = ContainerStatus.fromPartial({
      id: 'c1',
      metadata: { name: 'main', attempt: 2 },
      image: { image: 'localhost/busybox:1' },
      imageRef: 'localhost/busybox@sha256:d',
      createdAt: 1_700_000_000_123_456_789n,
      startedAt: 1_700_000_001_000_000_001n,
      labels: { 'io.kubernetes.pod.name': 'web', empty_value: '' },
    });
    const of = { status, spec: '{"ociVersion":"1.0.2"}', runtime: 'runc', pid: 12, now: 1_700_000_002_000_000_000n };
    const documents = checkpointDocuments(of);
    expect([...documents.keys()]).toEqual(['config.dump', 'spec.dump', 'status.dump', 'status']);
    expect(JSON.parse(documents.get('config.dump') ?? '')).toEqual({
      id: 'c1',
      name: 'main',
      rootfsImage: 'localhost/busybox:1',
      rootfsImageRef: 'localhost/busybox@sha256:d',
      rootfsImageName: 'localhost/busybox:1',
      runtime: 'runc',
      createdTime: '2023-11-14T22:13:20.123456789Z',
      checkpointedTime: '2023-11-14T22:13:22.000000000Z',
      restoredTime: '0001-01-01T00:00:00Z',
      restored: false,
    });
    expect(documents.get('spec.dump')).toBe(of.spec);
    expect(documents.get('status.dump')).toContain('"started_at":1700000001000000001,');
    expect(JSON.parse(documents.get('status.dump') ?? '')).toMatchObject({
      metadata: { name: 'main', attempt: 2 },
      labels: { 'io.kubernetes.pod.name': 'web', empty_value: '' },
    });
    expect(documents.get('status')).toContain('"Version":"v1","Pid":12,"CreatedAt":1700000000123456789,');
  });
});

describe('whether a runtime can checkpoint', () => {
  it.each([
    ['runc version 1.1.5+ds1\ncommit: 1.1.5\nspec: 1.0.2-dev\n', undefined],
    ['crun version 1.14\nspec: 1.0.0\n+SYSTEMD +SECCOMP +CRIU +YAJL\n', undefined],
    ['crun version 1.8.1\nspec: 1.0.0\n+SYSTEMD +SECCOMP +YAJL\n', 'crun is built without CRIU'],
    ['youki version 0.5.0\n', 'youki is not known to make checkpoints'],
    ['', 'its OCI runtime is not known'],
  ])('follows from its version: %j', (version, refusal) => {
    expect(checkpointRefusal(version)?.slice(0, refusal?.length)).toBe(refusal);
  });
});

describe('what a runtime says of its failure', () => {
  it('names no log that is gone', () => {
    expect(withoutLogPath('runc checkpoint failed: criu failed: type DUMP errno 0 log file: /x/dump.log')).toBe(
      'runc checkpoint failed: criu failed: type DUMP errno 0',
    );
  });
});

describe('the end of CRIU’s log', () => {
  it.each([
    ['', ''],
    ['(00.000001) one\n(00.000002) two\n', 'one; two'],
    [
      '(00.1) start\n(00.2) Error (criu/vdso.c:381): vdso: Unexpected rt vDSO area bounds\n(00.3) Unlock network\n',
      'Error (criu/vdso.c:381): vdso: Unexpected rt vDSO area bounds',
    ],
  ])('of %j is %j', (log, end) => {
    expect(dumpLogEnd(log)).toBe(end);
  });

  it('is short', () => {
    expect(dumpLogEnd('x'.repeat(100_000)).length).toBeLessThan(700);
  });
});
