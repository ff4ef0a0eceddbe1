import { describe, expect, it } from 'vitest';
import { inUseText, noLockText } from '../../../src/cmd/hold-node.ts';

describe('what a command is told that comes second', () => {
  it.each([
    [
      'which command is first, and its process',
      '4711 gantry init phase certs all',
      '"gantry init phase certs all" changes this node just now (process 4711): wait until it has ended, or end it ("kill 4711"), and run this again',
    ],
    [
      'how to find the process where the first one could not say it',
      '',
      'another command changes this node just now ("lslocks" tells its process): wait until it has ended, and run this again',
    ],
  ])('is %s', (_, owner, text) => {
    expect(inUseText(owner)).toBe(text);
  });
});

describe('a command that can have no lock says where it would be, and what to do', () => {
  const because = "EROFS: read-only file system, open '/run/gantry.lock'";
  const run =
    '/run has to be there, and writable for root ("findmnt /run" tells how it is mounted): make it so, and run this again';
  const name = 'it has to be a file or not there: take away what has its name, and run this again';

  it.each([
    ['EROFS', run],
    ['ENOENT', run],
    ['EACCES', run],
    ['EPERM', run],
    ['EISDIR', name],
    ['ELOOP', name],
    ['ENXIO', name],
    ['ENOSPC', 'mend that, and run this again'],
    [undefined, 'mend that, and run this again'],
  ])('for %s', (code, mend) => {
    expect(noLockText(code, because)).toBe(
      `/run/gantry.lock, the lock by which no two commands change this node at once, cannot be made (${because}): ${mend}`,
    );
  });
});
