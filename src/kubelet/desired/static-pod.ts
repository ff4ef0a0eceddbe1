import type { Pod, Toleration } from '../../api/types/gen/core-v1.ts';
import { fnv128aHex } from '../../base/hash.ts';
import { ANNOTATION } from '../runtime/labels.ts';

/**
 * The uid of a pod from a file, 32 hex digits: fnv-128a of its content, the node and the file, as upstream has it (the content here as JSON with
 * sorted keys). The same content in the same file is the same pod over restarts; a changed one is another pod.
 */
export function staticPodUid(pod: Pod, nodeName: string, file: string): string {
  return fnv128aHex(`${canonicalJson(pod)}host:${nodeName}file:${file}`);
}

export interface StaticPodOrigin {
  readonly nodeName: string;
  readonly file: string;
  /** RFC 3339. */
  readonly seenAt: string;
}

/**
 * A pod from a file as it runs on this node: its name carries the node's, it has a uid, and its annotations say where it came from. A uid that the
 * file gives stays when the content changes, so the hash of the content stands beside it (upstream repeats the uid there). Pure.
 */
export function nameStaticPod(pod: Pod, origin: StaticPodOrigin): Pod {
  const given = pod.metadata.uid ?? '';
  const hash = staticPodUid(pod, origin.nodeName, origin.file);
  const uid = given === '' ? hash : given;
  const namespace = pod.metadata.namespace ?? '';
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      uid,
      name: `${pod.metadata.name ?? ''}-${origin.nodeName.toLowerCase()}`,
      namespace: namespace === '' ? 'default' : namespace,
      creationTimestamp: origin.seenAt,
      annotations: {
        ...(pod.metadata.annotations ?? {}),
        [ANNOTATION.configHash]: hash,
        [ANNOTATION.configSeen]: origin.seenAt,
        [ANNOTATION.configSource]: 'file',
      },
    },
    spec: { ...pod.spec, nodeName: origin.nodeName, tolerations: tolerateNoExecute(pod.spec.tolerations ?? []) },
  };
}

/** Node problems must not evict what the node itself was told to run. */
function tolerateNoExecute(tolerations: readonly Toleration[]): readonly Toleration[] {
  const all = (t: Toleration): boolean =>
    t.operator === 'Exists' && t.effect === 'NoExecute' && (t.key ?? '') === '' && t.tolerationSeconds === undefined;
  return tolerations.some(all) ? tolerations : [...tolerations, { operator: 'Exists', effect: 'NoExecute' }];
}

function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
