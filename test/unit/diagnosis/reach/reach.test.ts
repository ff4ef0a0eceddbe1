import { describe, expect, it } from 'vitest';
import { outermost, Reach, silenceOf } from '../../../../src/diagnosis/reach/reach.ts';

describe('a directory that does not answer', () => {
  const reach = new Reach([{ path: '/var/lib/kubelet', waitedMs: 1500 }]);

  it.each([
    ['/var/lib/kubelet', true],
    ['/var/lib/kubelet/pki/kubelet-client-current.pem', true],
    ['/var/lib/kubelet2/config.yaml', false],
    ['/var/lib', false],
  ])('keeps %s from being read: %s', (path, is) => {
    expect(reach.silenceAt(path)).toBe(is ? '/var/lib/kubelet did not answer within 1.5 s' : undefined);
  });

  it('may be the one that a link leads to', () => {
    const link = { path: '/etc/kubernetes/pki/sa.key', leadsTo: '/mnt/sa.key', waitedMs: 1500 };
    expect(silenceOf(link)).toBe('/etc/kubernetes/pki/sa.key (a link to /mnt/sa.key) did not answer within 1.5 s');
    expect(new Reach([link]).silenceAt('/etc/kubernetes/pki/sa.key')).toBe(silenceOf(link));
    expect(new Reach([link]).silenceAt('/etc/kubernetes/pki/sa.pub')).toBeUndefined();
  });

  it('is told once, and not those below it', () => {
    expect(outermost(['/etc/kubernetes/pki', '/etc/kubernetes', '/etc/kubernetes-2'])).toEqual([
      '/etc/kubernetes',
      '/etc/kubernetes-2',
    ]);
  });
});
