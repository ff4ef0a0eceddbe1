import { describe, expect, it } from 'vitest';
import { GantryError, internalError } from '../../../src/base/errors.ts';
import { explainFailure, logExcerpt } from '../../../src/local-cluster/failure.ts';

const MB = 1e6;
const log = (text: string) => ({ host: 'demo-worker', service: 'gantry-etcd', text });
const enospc = (): Error => Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });

describe('the explanation of a failed step', () => {
  const explained = (error: unknown, freeBytes: number, text = ''): unknown =>
    explainFailure({ error, clustersDir: '/data', freeBytes, logs: [log(text)] });

  it.each([
    ['a write that failed', enospc(), 0, ''],
    ['a disk with a little room, which was not enough', enospc(), 30 * MB, ''],
    ['a daemon that could not write', internalError('etcd does not answer'), 30 * MB, 'panic: no space left on device'],
    ['a disk that is full, whatever was seen of it', internalError('etcd does not answer'), 0, ''],
  ])('names the disk after %s', (_, error, freeBytes, text) => {
    expect(explained(error, freeBytes, text)).toMatchObject({
      code: 'resource-exhausted',
      message: `no space is left on the disk of /data (${freeBytes / MB} MB are free): make room, or name another place with --clusters-dir; seen as: ${error.message}`,
    });
  });

  it.each([
    ['another failure', internalError('etcd does not answer'), 500 * MB],
    ['an interruption, though the disk is full', new GantryError('cancelled', 'interrupted by SIGINT'), 0],
  ])('leaves %s as it is', (_, error, freeBytes) => {
    expect(explained(error, freeBytes)).toBe(error);
  });

  it('takes a limit of namespaces for what it is', () => {
    const error = internalError('the host could not be started: unshare: unshare failed: No space left on device');
    expect(explained(error, 500 * MB)).toMatchObject({
      message: expect.stringMatching(/^the kernel makes no more namespaces: raise the limits \(sysctl user\.max_net_n/),
    });
  });
});

describe('the excerpt of logs', () => {
  const excerpt = (text: string): readonly string[] => logExcerpt([log(text)]);

  it.each([
    ['our warnings in words', '{"level":"warn","msg":"failed","because":"no room"}', 'failed: no room'],
    [
      "etcd's errors",
      '2026-11-28 19:44:05.98 C | etcdserver: create wal error',
      '2026-11-28 19:44:05.98 C | etcdserver: create wal error',
    ],
    [
      "newer etcd's errors",
      '{"level":"fatal","msg":"failed to start etcd","error":"no space"}',
      'failed to start etcd: no space',
    ],
    ['what a dying process says', 'panic: oh no', 'panic: oh no'],
  ])('has %s', (_, line, shown) => {
    expect(excerpt(`${line}\n`)).toEqual(['gantry-etcd on demo-worker:', `  ${shown}`]);
  });

  it('has nothing of daemons that are content', () => {
    expect(excerpt('{"level":"info","msg":"ready"}\n2026-11-28 19:44:05.98 I | embed: ready\n\n')).toEqual([]);
  });

  it('has the last six, cut to a line of the screen, and repetitions once', () => {
    const many = Array.from({ length: 9 }, (_, i) => `panic ${i}`).join('\n');
    expect(excerpt(`${many}\npanic 8\n${'x'.repeat(500)}`)).toEqual([
      'gantry-etcd on demo-worker:',
      ...[4, 5, 6, 7, 8].map(i => `  panic ${i}`),
      `  ${'x'.repeat(240)}…`,
    ]);
  });
});
