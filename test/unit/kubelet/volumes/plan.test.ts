import { describe, expect, it } from 'vitest';
import { planVolumes, volumeSource } from '../../../../src/kubelet/volumes/plan.ts';
import { podWith } from '../pods.ts';

const plan = (volumes: string, extra = '') =>
  planVolumes(
    podWith(`${extra}volumes: ${volumes}\n  containers: [{name: main, image: i}]`).pod.spec,
    '/var/lib/kubelet/pods/u',
  );

describe('planVolumes', () => {
  it.each<[string, object | undefined, string]>([
    ['{name: v, emptyDir: {}}', undefined, 'on disk'],
    ['{name: v, emptyDir: {medium: Memory}}', { sizeBytes: undefined }, 'in memory, as large as the kernel lets it be'],
    ['{name: v, emptyDir: {medium: Memory, sizeLimit: 1Mi}}', { sizeBytes: 1 << 20 }, 'in memory, with its limit'],
    ['{name: v, emptyDir: {sizeLimit: 1Mi}}', undefined, 'a limit on disk is not a mount option'],
  ])('%s is an empty directory %s: %s', (volume, tmpfs) => {
    expect(plan(`[${volume}]`)).toEqual([
      {
        kind: 'empty-dir',
        volume: 'v',
        path: '/var/lib/kubelet/pods/u/volumes/kubernetes.io~empty-dir/v',
        tmpfs,
        group: undefined,
      },
    ]);
  });

  it('gives an empty directory to the fsGroup', () => {
    expect(plan('[{name: v, emptyDir: {}}]', 'securityContext: {fsGroup: 2000}\n  ')).toMatchObject([{ group: 2000 }]);
  });

  it('takes a host path as it is, with its type', () => {
    const steps = plan('[{name: v, hostPath: {path: /srv, type: Directory}}]');
    expect(steps).toEqual([{ kind: 'host-path', volume: 'v', path: '/srv', type: 'Directory' }]);
    expect(volumeSource(steps, 'v')).toBe('/srv');
  });

  it.each([
    ['{name: v, configMap: {name: c}}', 'volume type configMap'],
    ['{name: v, secret: {secretName: s}}', 'volume type secret'],
    ['{name: v, emptyDir: {medium: HugePages}}', 'emptyDir medium "HugePages"'],
  ])('says of %s that it is not supported', (volume, text) => {
    const steps = plan(`[${volume}]`);
    expect(steps).toMatchObject([{ kind: 'unsupported', because: expect.stringContaining(text) }]);
    expect(volumeSource(steps, 'v')).toBeUndefined();
  });
});
