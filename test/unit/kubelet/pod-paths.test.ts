import { describe, expect, it } from 'vitest';
import { podLogDir, uidOfLogDir } from '../../../src/kubelet/pod-paths.ts';

describe('uidOfLogDir', () => {
  it.each([
    ['a uid in hex', 'default_web-n1_0123abcd', '0123abcd'],
    ['a uid that ends with another uid', 'default_web-n1_other_0123abcd', 'other_0123abcd'],
    ['no pod directory', 'lost+found', undefined],
    ['a name without a uid', 'default_web-n1_', undefined],
  ])('%s', (_sentence, name, uid) => {
    expect(uidOfLogDir(name)).toBe(uid);
  });

  it('reads what podLogDir writes', () => {
    const roots = { rootDir: '/r', podLogsDir: '/l' };
    const uid = 'a_b-c_d';
    expect(uidOfLogDir(podLogDir(roots, { namespace: 'ns', name: 'web', uid }).slice('/l/'.length))).toBe(uid);
  });
});
