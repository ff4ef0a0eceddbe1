import { describe, expect, it } from 'vitest';
import type { Pod } from '../../../../src/api/types/gen/core-v1.ts';
import type { ObjectMeta } from '../../../../src/api/types/gen/meta-v1.ts';
import { apiPods } from '../../../../src/kubelet/desired/api-pods.ts';
import { mergeSources } from '../../../../src/kubelet/desired/merge-sources.ts';
import { podWith } from '../pods.ts';

function object(name: string, meta: Partial<ObjectMeta> = {}, status: object = {}): Pod {
  return {
    metadata: { name, namespace: 'default', uid: `${name}-uid`, generation: 1, ...meta },
    spec: { containers: [], terminationGracePeriodSeconds: 7 },
    status,
  } as unknown as Pod;
}

describe('pods of the API server', () => {
  it('are wanted as they are bound here, the oldest first', () => {
    const pods = apiPods(
      [
        object('b', { creationTimestamp: '2026-01-02T00:00:00Z' }),
        object('a', { creationTimestamp: '2026-01-03T00:00:00Z' }),
      ],
      [],
    );
    expect(pods.map(p => [p.uid, p.source, p.deletion, p.finished])).toEqual([
      ['b-uid', 'api', undefined, false],
      ['a-uid', 'api', undefined, false],
    ]);
  });

  it.each<[string, Pod, object]>([
    [
      'deleted with a grace',
      object('a', { deletionTimestamp: 'now', deletionGracePeriodSeconds: 3 }),
      { deletion: { graceSeconds: 3 } },
    ],
    ['deleted without a word of grace', object('a', { deletionTimestamp: 'now' }), { deletion: { graceSeconds: 7 } }],
    ['succeeded', object('a', {}, { phase: 'Succeeded' }), { finished: true }],
    ['failed', object('a', {}, { phase: 'Failed' }), { finished: true }],
  ])('say what becomes of one that is %s', (_what, pod, expected) => {
    expect(apiPods([pod], [])[0]).toMatchObject(expected);
  });

  it.each<[string, Pod]>([
    ['a copy of a static pod', object('a', { annotations: { 'kubernetes.io/config.mirror': 'hash' } })],
    ['one whose uid is no plain name', object('a', { uid: '../up' })],
  ])('do not have %s', (_what, pod) => expect(apiPods([pod], [])).toEqual([]));

  it('are the same objects where only what this kubelet told came back', () => {
    const [before] = apiPods([object('a')], []);
    const told = object('a', { resourceVersion: '9' }, { phase: 'Running', podIP: '10.0.0.1' });
    expect(apiPods([told], before === undefined ? [] : [before])[0]).toBe(before);
  });

  it.each<[string, Pod]>([
    ['labels', object('a', { labels: { a: 'b' } })],
    ['the spec', object('a', { generation: 2 })],
    ['the end', object('a', {}, { phase: 'Failed' })],
    ['a deletion', object('a', { deletionTimestamp: 'now' })],
  ])('are others where %s changed', (_what, changed) => {
    const before = apiPods([object('a')], []);
    expect(apiPods([changed], before)[0]).not.toBe(before[0]);
  });
});

describe('a readiness gate', () => {
  it('that opens makes another pod of it', () => {
    const gated = (status: string): Pod => {
      const pod = object('a', {}, { conditions: [{ type: 'example.com/gate', status }] });
      return { ...pod, spec: { ...pod.spec, readinessGates: [{ conditionType: 'example.com/gate' }] } };
    };
    const before = apiPods([gated('False')], []);
    expect(apiPods([gated('False')], before)[0]).toBe(before[0]);
    expect(apiPods([gated('True')], before)[0]).not.toBe(before[0]);
  });
});

describe('the sources together', () => {
  const web = podWith('containers: [{name: a, image: i}]');
  const manifests = { pods: [web], problems: [], badFiles: new Set<string>() };

  it('say which of them have told everything', () => {
    expect([...mergeSources(undefined, undefined).known]).toEqual([]);
    expect([...mergeSources(manifests, undefined).known]).toEqual(['file']);
    expect([...mergeSources(manifests, []).known]).toEqual(['file', 'api']);
  });

  it('put manifests first', () => {
    const api = apiPods([object('a')], []);
    expect(mergeSources(manifests, api).pods.map(p => p.name)).toEqual(['web-n1', 'a']);
  });
});
