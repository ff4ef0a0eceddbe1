import type { Pod } from '../../../api/types/gen/core-v1.ts';
import { ContainerState } from '../../../rpc/cri-api.ts';
import { LABEL } from '../../runtime/labels.ts';
import type { ContainerRuntime } from '../../runtime/ports.ts';

/** The pods of which containers run, as the runtime has them: names, uids and images, nothing more. */
export async function runningPods(runtime: ContainerRuntime, signal: AbortSignal): Promise<readonly Pod[]> {
  const pods = new Map<string, { metadata: object; spec: { containers: object[] }; status: object }>();
  for (const { labels, state, metadata, image } of await runtime.listContainers(undefined, signal)) {
    const uid = labels[LABEL.podUid] ?? '';
    if (state !== ContainerState.CONTAINER_RUNNING || uid === '') continue;
    const named = { name: labels[LABEL.podName], namespace: labels[LABEL.podNamespace], uid };
    const pod = pods.get(uid) ?? { metadata: named, spec: { containers: [] }, status: {} };
    pod.spec.containers.push({ name: metadata?.name, image: image?.image ?? '', resources: {} });
    pods.set(uid, pod);
  }
  return [...pods.values()] as unknown as readonly Pod[];
}
