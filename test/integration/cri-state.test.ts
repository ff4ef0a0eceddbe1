/** What is concluded from files that a crash, an image or another program left behind. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createConmonMonitor } from '../../src/cri/oci/conmon.ts';
import { prepareInfraRootfs } from '../../src/cri/oci/infra-rootfs.ts';
import { createOciRuntime } from '../../src/cri/oci/oci-runtime.ts';
import type { OciRuntime } from '../../src/cri/oci/ports.ts';
import { criPaths } from '../../src/cri/paths.ts';
import { encodeRecord } from '../../src/cri/store/record-codec.ts';
import { recordFilesOnDisk } from '../../src/cri/store/record-files.ts';
import { writeFileAtomic } from '../../src/linux/atomic-file.ts';
import { runCommand } from '../../src/linux/command.ts';
import { MS, mount, unmount } from '../../src/linux/mount.ts';
import { readTextInRoot } from '../../src/linux/path-in-root.ts';
import { runDirectory } from '../harness/run-id.ts';
import { containerRecord, idOf, sandboxRecord } from '../unit/cri/records.ts';

let base: string;
beforeEach(() => {
  base = runDirectory('cri-state');
  mkdirSync(base, { recursive: true });
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

describe('records', () => {
  const place = () => {
    const paths = criPaths({ root: `${base}/root`, state: `${base}/state` });
    const files = recordFilesOnDisk(paths);
    for (const directory of [paths.sandboxRecords, paths.containerDir(idOf('b'))])
      mkdirSync(directory, { recursive: true });
    files.writeSandbox(sandboxRecord());
    files.writeContainer(containerRecord());
    return { paths, files, file: paths.containerRecord(idOf('b')) };
  };

  it('of a newer program stop the start and stay where they are', () => {
    const { files, file } = place();
    writeFileSync(file, encodeRecord({ ...containerRecord(), version: 2 }));
    expect(() => files.readAll()).toThrow(`the record ${file} has version 2, this program reads version 1`);
    expect(existsSync(file)).toBe(true);
  });

  it('that cannot be read now stop the start and stay where they are', () => {
    const { files, file } = place();
    rmSync(file);
    symlinkSync('record.json', file);
    expect(() => files.readAll()).toThrow(/cannot read the record .*ELOOP/);
    expect(readdirSync(join(file, '..'))).toEqual(['record.json']);
  });

  it('are as they were before the last write, wherever that was cut off', () => {
    const { files, file } = place();
    const before = readFileSync(file);
    const ended = { ...containerRecord(), finishedAt: 9_007_199_254_740_993n, exitCode: 3, message: 'é ∎' };
    files.writeContainer(ended);
    const after = readFileSync(file);
    const read = (bytes: Uint8Array): unknown => {
      writeFileSync(file, bytes);
      const { containers, unreadable } = files.readAll();
      expect(unreadable).toEqual([]);
      return containers[0];
    };
    const whole = after.length - 1;
    for (let cut = before.length; cut < whole; cut++) expect(read(after.subarray(0, cut))).toEqual(containerRecord());
    // its last line break alone may be lost
    for (const cut of [whole, after.length]) expect(read(after.subarray(0, cut))).toEqual(ended);
  });

  it.each([
    ['zeros, as a file system writes that lost power', Buffer.alloc(4096)],
    ['half a line and a whole one after it', Buffer.from(`\n{"version":1,"id":"cut${encodeRecord(containerRecord())}`)],
    ['garbage', Buffer.from('\n\u0000\uffff}{[')],
  ])('are read from the last whole line before %s', (_what, tail) => {
    const { files, file } = place();
    writeFileSync(file, Buffer.concat([readFileSync(file), tail]));
    const { containers, unreadable } = files.readAll();
    expect(containers).toEqual([containerRecord()]);
    expect(unreadable).toEqual([]);
    // the next write is not swallowed by what is left of the last
    files.writeContainer({ ...containerRecord(), exitCode: 4 });
    expect(files.readAll().containers).toEqual([{ ...containerRecord(), exitCode: 4 }]);
  });

  it('are told by their first write, cut anywhere, as damaged: nothing of it was promised to anybody', () => {
    const { files, file } = place();
    const bytes = readFileSync(file);
    for (const length of [0, 1, 2, bytes.length >> 1, bytes.length - 2]) {
      writeFileSync(file, bytes.subarray(0, length));
      const { containers, orphanFolders, unreadable } = files.readAll();
      expect([containers, orphanFolders, unreadable.length]).toEqual([[], [idOf('b')], 1]);
    }
  });

  it('that are damaged are moved aside, told, and the others are read', () => {
    const { files, file, paths } = place();
    writeFileSync(file, '{"a');
    const { sandboxes, containers, unreadable, orphanFolders } = files.readAll();
    expect([sandboxes.length, containers.length, orphanFolders]).toEqual([1, 0, [idOf('b')]]);
    expect(unreadable[0]).toContain(file);
    expect(readdirSync(paths.quarantine)).toEqual([`${idOf('b')}-record.json`]);
  });
});

describe('an exit file', () => {
  it.each([
    ['7', 7],
    ['-1', 255],
    ['', 255],
  ])('that holds "%s" is exit code %d', (text, exitCode) => {
    const monitor = createConmonMonitor({ path: '/usr/bin/conmon', exitDir: `${base}/exits` });
    writeFileSync(`${base}/exits/${idOf('b')}`, text);
    expect(monitor.readExit(idOf('b'), `${base}/bundle`)).toMatchObject({ exitCode });
  });
});

describe('a create that fails and cannot be undone', () => {
  it('says why it failed, not what became of the undoing', async () => {
    const said: string[] = [];
    const monitor = createConmonMonitor({
      path: '/opt/none/conmon',
      exitDir: `${base}/exits`,
      log: { error: (_fields: object, text: string) => void said.push(text) } as never,
    });
    const runtime: OciRuntime = {
      ...createOciRuntime({ name: 'crun', path: '/usr/bin/crun', root: `${base}/crun` }),
      delete: () => Promise.reject(new Error('the runtime is gone as well')),
    };
    const request = {
      id: idOf('b'),
      bundle: base,
      logPath: undefined,
      terminal: false,
      stdin: false,
      stdinOnce: false,
    };
    await expect(monitor.create(request, runtime)).rejects.toThrow('conmon is not at /opt/none/conmon');
    expect(said).toEqual(['a failed create could not be undone whole']);
  });
});

describe('what an earlier process left half done', () => {
  it('of an exec, with the environment in it, is removed', () => {
    mkdirSync(`${base}/crun-exec`);
    writeFileSync(`${base}/crun-exec/0123.json`, '{"env":["PASSWORD=x"]}');
    createOciRuntime({ name: 'crun', path: '/usr/bin/crun', root: `${base}/crun` });
    expect(readdirSync(`${base}/crun-exec`)).toEqual([]);
  });

  it('of the root file system of pauses is removed, whether or not it is made anew', async () => {
    for (const round of ['first', 'second']) {
      mkdirSync(`${base}/infra-0123456789abcdef.tmp-${round}`);
      const { path } = await prepareInfraRootfs(base, '/usr/bin/catatonit');
      expect(readdirSync(base).map(name => join(base, name))).toEqual([path]);
    }
  });
});

describe('a file of an image', () => {
  it('that is a device is not opened, nor is a FIFO or a directory', async () => {
    const root = `${base}/rootfs`;
    mkdirSync(root);
    // where devices may not be opened, an open would be seen: it fails with EACCES
    mount('tmpfs', root, 'tmpfs', MS.NODEV);
    try {
      mkdirSync(`${root}/directory`);
      await runCommand('mknod', [`${root}/device`, 'c', '1', '5']);
      await runCommand('mkfifo', [`${root}/fifo`]);
      writeFileSync(`${root}/passwd`, 'root:x:0:0\n');
      symlinkSync('/passwd', `${root}/link`);
      const texts = ['device', 'fifo', 'directory', 'absent', 'passwd', 'link'].map(name => readTextInRoot(root, name));
      expect(texts).toEqual(['', '', '', '', 'root:x:0:0\n', 'root:x:0:0\n']);
    } finally {
      unmount(root, { lazy: true });
    }
  });
});

describe('an atomic write', () => {
  it('whose rename fails closes its file once and leaves nothing', () => {
    mkdirSync(`${base}/taken/full`, { recursive: true });
    const before = readdirSync('/proc/self/fd').length;
    expect(() => writeFileAtomic(`${base}/taken`, 'x')).toThrow('EISDIR');
    expect(readdirSync(base)).toEqual(['taken']);
    expect(readdirSync('/proc/self/fd').length).toBe(before);
  });
});
