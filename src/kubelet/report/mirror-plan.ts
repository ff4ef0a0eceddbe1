import type { Pod } from '../../api/types/gen/core-v1.ts';
import type { DesiredPod } from '../desired/desired-pod.ts';
import { ANNOTATION } from '../runtime/labels.ts';

/** The Node that owns the copies of its static pods. */
export interface OwnerNode {
  readonly name: string;
  readonly uid: string;
}

/** What to do about a name that a static pod or its copy has. */
export type MirrorStep =
  | { readonly do: 'nothing' }
  | { readonly do: 'create' }
  | { readonly do: 'delete'; readonly uid: string; readonly because: string }
  | { readonly do: 'wait'; readonly because: string };

/**
 * `wanted` is the static pod of the name; `ending` says that one is still being ended here; `stored` is what the API server has under the name. A pod there that is
 * no copy is somebody else's and is left alone. Pure.
 */
export function planMirror(
  wanted: DesiredPod | undefined,
  ending: boolean,
  stored: Pod | undefined,
  node: OwnerNode | undefined,
): MirrorStep {
  const mirrored = stored?.metadata.annotations?.[ANNOTATION.configMirror];
  const uid = stored?.metadata.uid ?? '';
  if (stored !== undefined && mirrored === undefined) return { do: 'nothing' };
  if (wanted === undefined) {
    if (stored === undefined) return { do: 'nothing' };
    return ending
      ? { do: 'wait', because: 'its static pod is still being ended' }
      : { do: 'delete', uid, because: 'no manifest gives its static pod' };
  }
  if (stored === undefined)
    return node === undefined ? { do: 'wait', because: 'the Node that is to own it is not there' } : { do: 'create' };
  if (stored.metadata.deletionTimestamp !== undefined)
    return { do: 'delete', uid, because: 'somebody deleted it, and its static pod runs on' };
  if (mirrored !== wanted.pod.metadata.annotations?.[ANNOTATION.configHash])
    return { do: 'delete', uid, because: 'the manifest of its static pod changed' };
  const owner = stored.metadata.ownerReferences?.find(each => each.controller === true);
  if (node !== undefined && owner !== undefined && owner.uid !== node.uid)
    return { do: 'delete', uid, because: 'its Node was made anew' };
  return { do: 'nothing' };
}

/** The copy of a static pod for the API server. Pure. */
export function mirrorPod({ pod }: DesiredPod, node: OwnerNode): Pod {
  const { name, namespace, labels, annotations = {} } = pod.metadata;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace,
      ...(labels === undefined ? {} : { labels }),
      annotations: { ...annotations, [ANNOTATION.configMirror]: annotations[ANNOTATION.configHash] ?? '' },
      ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: node.name, uid: node.uid, controller: true }],
    },
    spec: pod.spec,
    status: {},
  };
}
