import { faultPoint } from '../../linux/fault-point.ts';
import type { UpdatePodSandboxResourcesRequest, UpdatePodSandboxResourcesResponse } from '../../rpc/cri-api.ts';
import { checkResources } from '../validation/resources.ts';
import type { RuntimeServiceContext } from './context.ts';

/**
 * Notes the resources of a pod that is being resized. The kubelet itself has set the pod's group by then, so nothing else is done (upstream runtimes hand the news to
 * their plugins). Idempotent. Throws `not-found`, and `invalid-argument` for limits that cannot be.
 */
export function updatePodSandboxResources(
  ctx: RuntimeServiceContext,
  { podSandboxId, overhead, resources }: UpdatePodSandboxResourcesRequest,
): UpdatePodSandboxResourcesResponse {
  checkResources('overhead', overhead);
  checkResources('resources', resources);
  const { id, config } = ctx.store.requireSandbox(podSandboxId);
  if (config.linux !== undefined)
    ctx.store.updateSandbox(id, {
      config: {
        ...config,
        linux: {
          ...config.linux,
          overhead: overhead ?? config.linux.overhead,
          resources: resources ?? config.linux.resources,
        },
      },
    });
  faultPoint('cri/update-pod-sandbox-resources/recorded');
  return {};
}
