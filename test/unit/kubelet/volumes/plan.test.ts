import { describe, expect, it } from 'vitest';
import { planVolumes, volumeSource } from '../../../../src/kubelet/volumes/plan.ts';
import { podWith } from '../pods.ts';

const plan = (volumes: string, extra = '') =>
  planVolumes(
    podWith(`${extra}volumes: ${volumes}\n  containers: [{name: main, image: i}]`).pod.spec,
    '/var/lib/kubelet/pods/u',
    { memoryBytes: 1 << 30 },
  );

describe('planVolumes', () => {
  it.each<[string, object | undefined, string]>([
    ['{name: v, emptyDir: {}}', undefined, 'on disk'],
    ['{name: v, emptyDir: {medium: Memory}}', { sizeBytes: 1 << 30 }, 'in memory, as large as the pod may be'],
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
    ['{name: v, nfs: {server: s, path: /p}}', 'volume type nfs'],
    ['{name: v, emptyDir: {medium: HugePages}}', 'emptyDir medium "HugePages"'],
  ])('says of %s that it is not supported', (volume, text) => {
    const steps = plan(`[${volume}]`);
    expect(steps).toMatchObject([{ kind: 'unsupported', because: expect.stringContaining(text) }]);
    expect(volumeSource(steps, 'v')).toBeUndefined();
  });

  const files = (volume: string, spec = 'containers: [{name: main, image: i}]') =>
    planVolumes(podWith(`volumes: [${volume}]\n  ${spec}`).pod.spec, '/p', { memoryBytes: 1 << 30 })[0];

  it.each([
    ['{name: v, configMap: {name: c}}', 'configmap', undefined],
    ['{name: v, secret: {secretName: s}}', 'secret', { sizeBytes: 1 << 30 }],
    ['{name: v, downwardAPI: {items: []}}', 'downward-api', { sizeBytes: 1 << 30 }],
    ['{name: v, projected: {sources: []}}', 'projected', { sizeBytes: 1 << 30 }],
  ])('writes the files of %s below %s', (volume, plugin, tmpfs) => {
    expect(files(volume)).toMatchObject({
      kind: 'files',
      path: `/p/volumes/kubernetes.io~${plugin}/v`,
      tmpfs,
      defaultMode: 0o644,
    });
  });

  it('takes the sources of a volume, its mode and the group of the pod', () => {
    const step = files(
      '{name: v, secret: {secretName: s, defaultMode: 256, optional: true, items: [{key: k, path: p}]}}',
      'securityContext: {fsGroup: 2000}\n  containers: [{name: main, image: i}]',
    );
    expect(step).toMatchObject({
      sources: [{ secret: { name: 's', optional: true, items: [{ key: 'k', path: 'p' }] } }],
      defaultMode: 0o400,
      group: 2000,
    });
  });

  it.each<[string, number | undefined, string]>([
    ['containers: [{name: a, image: i}]', undefined, 'nobody says'],
    ['securityContext: {runAsUser: 7}\n  containers: [{name: a, image: i}, {name: b, image: i}]', 7, 'the pod says'],
    [
      'securityContext: {runAsUser: 7}\n  containers: [{name: a, image: i, securityContext: {runAsUser: 8}}, {name: b, image: i}]',
      undefined,
      'containers differ',
    ],
    [
      'containers: [{name: a, image: i, securityContext: {runAsUser: 8}}, {name: b, image: i}]',
      undefined,
      'one does not say',
    ],
  ])('of %s the files are owned by %s: %s', (spec, user) => {
    expect(files('{name: v, projected: {sources: []}}', spec)).toMatchObject({ user });
  });

  it('makes room for mounts below a volume, but not for those below another', () => {
    const mounts = ['v: /c', 'w: /c/in/', 'x: /c/in/deep', 'u: /cc', 'z: /c/other'].map(text => {
      const [name, path] = text.split(': ');
      return `{name: ${name}, mountPath: ${path}}`;
    });
    const volumes = 'vwxuz'
      .split('')
      .map(name => `{name: ${name}, configMap: {name: c}}`)
      .join(', ');
    const step = files(volumes, `containers: [{name: a, image: i, volumeMounts: [${mounts}]}]`);
    expect(step).toMatchObject({ mountPoints: ['in', 'other'] });
  });
});
