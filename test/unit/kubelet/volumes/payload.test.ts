import { describe, expect, it } from 'vitest';
import type { VolumeProjection } from '../../../../src/api/types/gen/core-v1.ts';
import { notFound } from '../../../../src/base/errors.ts';
import { NO_OBJECTS, type PodObjects } from '../../../../src/kubelet/objects/pod-objects.ts';
import { collectPayload, type PayloadInput } from '../../../../src/kubelet/volumes/payload.ts';
import { podWith } from '../pods.ts';

const pod = podWith('containers: [{name: main, image: i, resources: {limits: {cpu: 1500m, memory: 64Mi}}}]');
const base64 = (text: string): string => Buffer.from(text).toString('base64');

const objects: PodObjects = {
  ...NO_OBJECTS,
  configMap: async (namespace, name) => {
    if (name !== 'conf') throw notFound(`configmap "${name}" not found`);
    return { metadata: { name, namespace }, data: { a: '1', b: '2' }, binaryData: { bin: base64('\u0000') } };
  },
  secret: async (namespace, name) => {
    if (name !== 'pass') throw notFound(`secret "${name}" not found`);
    return { metadata: { name, namespace }, data: { p: base64('s3cret') } };
  },
  token: async ({ name }, { audience = '' }) => `token of ${name} for ${audience}`,
};

const collect = async (sources: readonly VolumeProjection[], step: Partial<PayloadInput['step']> = {}) => {
  const payload = await collectPayload(
    {
      pod,
      step: {
        kind: 'files',
        volume: 'v',
        path: '/v',
        tmpfs: undefined,
        sources,
        defaultMode: 0o644,
        group: undefined,
        user: undefined,
        mountPoints: [],
        ...step,
      },
      objects,
      allocatable: { milliCpu: 4000, memoryBytes: 1 << 30, storageBytes: 5000 },
    },
    new AbortController().signal,
  );
  return Object.fromEntries(
    [...payload].map(([path, { data, mode, user }]) => [
      path,
      [data.toString(), mode.toString(8), ...(user === undefined ? [] : [user])],
    ]),
  );
};

const downward = (...items: readonly (readonly [string, object])[]): readonly VolumeProjection[] => [
  { downwardAPI: { items: items.map(([path, from]) => ({ path, ...from })) } },
];
const field = (fieldPath: string) => ({ fieldRef: { fieldPath } });
const resource = (name: string, more: object = {}) => ({
  resourceFieldRef: { resource: name, containerName: 'main', ...more },
});

describe('collectPayload', () => {
  it.each<[string, VolumeProjection, object]>([
    ['all keys', { configMap: { name: 'conf' } }, { a: ['1', '644'], b: ['2', '644'], bin: ['\u0000', '644'] }],
    [
      'some keys, with path and mode',
      { configMap: { name: 'conf', items: [{ key: 'b', path: 'x/y', mode: 0o400 }] } },
      { 'x/y': ['2', '400'] },
    ],
    ['a secret', { secret: { name: 'pass' } }, { p: ['s3cret', '644'] }],
    ['nothing of an optional map that is not there', { configMap: { name: 'no', optional: true } }, {}],
    ['nothing of an optional secret that is not there', { secret: { name: 'no', optional: true } }, {}],
    [
      'what there is of optional keys',
      {
        secret: {
          name: 'pass',
          optional: true,
          items: [
            { key: 'q', path: 'q' },
            { key: 'p', path: 'r' },
          ],
        },
      },
      { r: ['s3cret', '644'] },
    ],
    [
      'a token',
      { serviceAccountToken: { path: 'token', audience: 'vault' } },
      { token: ['token of web-n1 for vault', '644'] },
    ],
  ])('takes %s', async (_, source, expected) => {
    expect(await collect([source])).toEqual(expected);
  });

  it('lets a later source win', async () => {
    const items = [{ key: 'p', path: 'a' }];
    expect(await collect([{ configMap: { name: 'conf' } }, { secret: { name: 'pass', items } }])).toMatchObject({
      a: ['s3cret', '644'],
    });
  });

  it.each<[object, readonly unknown[], string]>([
    [{ user: 7 }, ['600', 7], 'the user of the pod'],
    [{ group: 2000 }, ['600'], 'the group of the pod, which gets its right with the volume'],
  ])('keeps tokens for %j: %s', async (step, expected) => {
    const { token } = await collect([{ serviceAccountToken: { path: 'token' } }], step);
    expect(token?.slice(1)).toEqual(expected);
  });

  it.each<[string, VolumeProjection, string]>([
    ['a map that is not there', { configMap: { name: 'no' } }, 'configmap "no" not found'],
    ['a secret that is not there', { secret: { name: 'no' } }, 'secret "no" not found'],
    [
      'a key that is not there',
      { configMap: { name: 'conf', items: [{ key: 'z', path: 'z' }] } },
      'configmap references non-existent config key: z',
    ],
    [
      'a key of a secret that is not there',
      { secret: { name: 'pass', items: [{ key: 'z', path: 'z' }] } },
      'references non-existent secret key: z',
    ],
    [
      'a source that this node has not',
      { clusterTrustBundle: { path: 'ca', name: 'b' } },
      'clusterTrustBundle is not supported in a projected volume; configMap, secret, downwardAPI and serviceAccountToken are',
    ],
  ])('says of %s: %s', async (_, source, message) => {
    await expect(collect([source])).rejects.toMatchObject({ message });
  });

  it('says all that is wrong at once', async () => {
    await expect(collect([{ configMap: { name: 'x' } }, { secret: { name: 'y' } }])).rejects.toThrow(
      '[configmap "x" not found, secret "y" not found]',
    );
  });

  it('shows fields of the pod, maps in the order of their keys and quoted', async () => {
    const labelled = downward(
      ['labels', field('metadata.labels')],
      ['app', field("metadata.labels['app']")],
      ['none', field("metadata.annotations['none']")],
      ['name', field('metadata.name')],
      ['namespace', field('metadata.namespace')],
      ['uid', { ...field('metadata.uid'), mode: 0o400 }],
    );
    expect(await collect(labelled)).toEqual({
      labels: ['app="demo"', '644'],
      app: ['demo', '644'],
      none: ['', '644'],
      name: ['web-n1', '644'],
      namespace: ['default', '644'],
      uid: [pod.uid, '400'],
    });
  });

  it('shows resources of a container', async () => {
    const asked = downward(
      ['cpu', resource('limits.cpu')],
      ['milli', resource('limits.cpu', { divisor: '1m' })],
      ['memory', resource('limits.memory', { divisor: '1Mi' })],
    );
    expect(await collect(asked)).toMatchObject({ cpu: ['2', '644'], milli: ['1500', '644'], memory: ['64', '644'] });
  });

  it.each([
    [field('spec.nodeName'), 'unsupported fieldPath: spec.nodeName'],
    [resource('limits.gpu'), 'resource "limits.gpu" cannot be used in a resourceFieldRef'],
    [resource('limits.cpu', { containerName: 'no' }), 'container no not found'],
  ])('refuses to show %j', async (from, message) => {
    await expect(collect(downward(['f', from]))).rejects.toThrow(message);
  });
});
