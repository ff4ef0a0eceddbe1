import { expect, test } from 'vitest';
import { directoryProblems, readDirectories } from '../../../../src/bootstrap/reset/directories.ts';

const failing = (code: string): never => {
  throw Object.assign(new Error(code), { code });
};

test('a directory that cannot be read is told, and the others are listed', () => {
  const { entries, unreadable } = readDirectories(['/a', '/gone', '/file', '/broken', '/b'], path => {
    if (path === '/gone') return failing('ENOENT');
    if (path === '/file') return failing('ENOTDIR');
    if (path === '/broken') return failing('ESTALE');
    return ['2', '1'];
  });
  expect([...entries]).toEqual([
    ['/a', ['1', '2']],
    ['/b', ['1', '2']],
  ]);
  expect(unreadable).toEqual([{ path: '/broken', code: 'ESTALE' }]);
  expect(directoryProblems(unreadable)).toEqual([
    '/broken cannot be read (ESTALE): what Gantry has made in it stays, until its disk is well',
  ]);
});
