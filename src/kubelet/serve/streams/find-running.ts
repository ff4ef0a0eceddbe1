import type { Pod } from '../../../api/types/gen/core-v1.ts';
import { errorMessage } from '../../../base/errors.ts';
import { ContainerState, PodSandboxState } from '../../../rpc/cri-api.ts';
import type { ContainerRuntime } from '../../runtime/ports.ts';
import { missing, Refusal } from '../refusal.ts';
import type { PodTarget } from './stream-target.ts';

type Target = Pick<PodTarget, 'namespace' | 'pod' | 'uid' | 'container'>;

/** The pod of that name; where an earlier one of the same name is still being ended here, the newest. Throws 404 in upstream's words. Pure. */
export function targetPod(pods: readonly Pod[], { namespace, pod: name }: Target): Pod {
  const pod = pods.findLast(each => each.metadata.namespace === namespace && each.metadata.name === name);
  if (pod === undefined) throw missing('pod does not exist');
  return pod;
}

/** The id of the container that runs under that name just now; undefined where none does. */
export async function runningContainer(
  runtime: Pick<ContainerRuntime, 'listContainers'>,
  pod: Pod,
  { uid, container }: Target,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (uid !== '' && uid !== pod.metadata.uid) return undefined;
  const containers = await runtime.listContainers(pod.metadata.uid ?? '', signal);
  const found = containers.find(
    each => each.metadata?.name === container && each.state === ContainerState.CONTAINER_RUNNING,
  );
  return found?.id;
}

/** The id of the sandbox in which the pod runs. Throws 404 where the pod is another than the one meant, 500 where it does not run. */
export async function readySandbox(
  runtime: ContainerRuntime,
  pod: Pod,
  { uid }: Target,
  signal: AbortSignal,
): Promise<string> {
  const own = pod.metadata.uid ?? '';
  if (uid !== '' && uid !== own) throw missing('pod not found');
  const sandboxes = await runtime.listSandboxes(own, signal);
  const ready = sandboxes.find(each => each.state === PodSandboxState.SANDBOX_READY);
  if (ready === undefined)
    throw new Refusal(500, `pod not found (${JSON.stringify(`${pod.metadata.name}_${pod.metadata.namespace}`)})`);
  return ready.id;
}

/** Upstream's codes for what a runtime refuses: 404, 429 where too many streams wait to be taken up, else 500. */
export function runtimeRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  const code = (error as { readonly code?: unknown }).code;
  const text = errorMessage(error);
  if (code === 'not-found') return new Refusal(404, text);
  // so long does a stream wait that nobody takes up
  if (code === 'resource-exhausted') return new Refusal(429, text, { 'retry-after': '60' });
  return new Refusal(500, text);
}
