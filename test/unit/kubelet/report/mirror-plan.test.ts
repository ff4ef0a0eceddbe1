import { describe, expect, it } from 'vitest';
import type { Pod } from '../../../../src/api/types/gen/core-v1.ts';
import { mirrorPod, planMirror } from '../../../../src/kubelet/report/mirror-plan.ts';
import { podWith } from '../pods.ts';

const NODE = { name: 'n1', uid: 'node-uid' };
const web = podWith('containers: [{name: a, image: i}]');
const hash = web.pod.metadata.annotations?.['kubernetes.io/config.hash'] ?? '';

/** The copy as the API server has it. */
function stored(change: Partial<Pod['metadata']> = {}): Pod {
  const copy = mirrorPod(web, NODE);
  return { ...copy, metadata: { ...copy.metadata, uid: 'copy', ...change } };
}

describe('the copy of a static pod', () => {
  it('carries hash and source, is owned by the Node, and has no uid of ours', () => {
    const { metadata, spec } = mirrorPod(web, NODE);
    expect(metadata.annotations).toMatchObject({
      'kubernetes.io/config.mirror': hash,
      'kubernetes.io/config.hash': hash,
      'kubernetes.io/config.source': 'file',
    });
    expect(metadata.ownerReferences).toEqual([
      { apiVersion: 'v1', kind: 'Node', name: 'n1', uid: 'node-uid', controller: true },
    ]);
    expect([metadata.uid, metadata.name, spec.nodeName]).toEqual([undefined, 'web-n1', 'n1']);
  });

  it.each<[string, Parameters<typeof planMirror>, object]>([
    ['is made where there is none', [web, false, undefined, NODE], { do: 'create' }],
    ['waits for its Node', [web, false, undefined, undefined], { do: 'wait' }],
    ['stays while it is right', [web, true, stored(), NODE], { do: 'nothing' }],
    ['stays while the Node is not known', [web, true, stored(), undefined], { do: 'nothing' }],
    [
      'is made anew when somebody deleted it',
      [web, true, stored({ deletionTimestamp: '2026-01-02T03:04:05Z' }), NODE],
      { do: 'delete', uid: 'copy' },
    ],
    [
      'is made anew for another manifest',
      [web, true, stored({ annotations: { 'kubernetes.io/config.mirror': 'old' } }), NODE],
      { do: 'delete' },
    ],
    ['is made anew for another Node of the name', [web, true, stored(), { ...NODE, uid: 'new' }], { do: 'delete' }],
    ['goes with its manifest', [undefined, false, stored(), NODE], { do: 'delete', uid: 'copy' }],
    ['stays until its static pod has ended', [undefined, true, stored(), NODE], { do: 'wait' }],
    ['is nobody where none is wanted', [undefined, false, undefined, NODE], { do: 'nothing' }],
    ['takes no name of another pod', [web, true, stored({ annotations: {} }), NODE], { do: 'nothing' }],
    ['that is no copy is left alone', [undefined, false, stored({ annotations: {} }), NODE], { do: 'nothing' }],
  ])('%s', (_what, [wanted, ending, copy, node], step) => {
    expect(planMirror(wanted, ending, copy, node)).toMatchObject(step);
  });
});
