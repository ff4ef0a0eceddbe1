import { failedPrecondition, invalidArgument } from '../../base/errors.ts';
import { faultPoint } from '../../linux/fault-point.ts';
import type { UpdateContainerResourcesRequest, UpdateContainerResourcesResponse } from '../../rpc/cri-api.ts';
import { mergeResources } from '../spec/merge-resources.ts';
import type { BuiltSpec, OciResources } from '../spec/oci-spec.ts';
import { decideResources, withoutNoQuota } from '../spec/resources.ts';
import { containerState, isUnstarted } from '../store/container-record.ts';
import { checkResources } from '../validation/resources.ts';
import type { RuntimeServiceContext } from './context.ts';
import { runtimeOf } from './runtime-of.ts';
import { keepLimitsOf, setScopeLimits } from './scope-limits.ts';
import { unlessEnded } from './unless-ended.ts';

/**
 * Changes the limits of a created or running container; what the request leaves at zero stays. ContainerStatus shows them from then on. Idempotent, one at a time
 * per container. Throws `not-found`, `failed-precondition` for a container that has ended, and what the kernel says of a limit that it cannot set; the limits that
 * were shown before stay then. `oom_score_adj` of a running process is not changed, as upstream.
 */
export async function updateContainerResources(
  ctx: RuntimeServiceContext,
  request: UpdateContainerResourcesRequest,
  signal?: AbortSignal,
): Promise<UpdateContainerResourcesResponse> {
  const { id } = ctx.store.requireContainer(request.containerId);
  const { linux } = request;
  if (linux === undefined) throw invalidArgument('linux is missing: name the limits to change');
  checkResources('linux', linux);
  await ctx.queue.run(id, async () => {
    const record = ctx.store.requireContainer(id);
    const state = containerState(record);
    if (state !== 'created' && state !== 'running')
      throw failedPrecondition(`container ${id} is ${state}: its limits cannot be changed`);
    const resources = mergeResources(record.config.linux?.resources, linux);
    const { devices: _, ...limits } = decideResources(resources, ctx.node.facts, []);
    try {
      if (isUnstarted(record)) writeLimits(ctx, id, limits);
      else {
        // else the new ones would be taken back
        ctx.scopes?.release(id);
        await runtimeOf(ctx, id).update(id, limits, signal);
        await setScopeLimits(ctx, record, limits, signal);
      }
    } catch (error) {
      if (!isUnstarted(record)) keepLimitsOf(ctx, record);
      throw await unlessEnded(ctx, record, error);
    }
    faultPoint('cri/update-container-resources/updated');
    ctx.store.updateContainer(id, {
      config: {
        ...record.config,
        linux: { securityContext: undefined, ...record.config.linux, resources },
      },
    });
    faultPoint('cri/update-container-resources/recorded');
  });
  return {};
}

/** Of a container that nothing runs of yet: its start will find them. */
function writeLimits(ctx: RuntimeServiceContext, id: string, limits: Partial<OciResources>): void {
  const file = `${ctx.paths.containerBundle(id)}/config.json`;
  const spec = JSON.parse(ctx.node.readFile(file)) as BuiltSpec['spec'];
  const resources = { ...spec.linux.resources, ...withoutNoQuota(limits).limits };
  ctx.node.replaceFile(file, JSON.stringify({ ...spec, linux: { ...spec.linux, resources } }), 0o600);
}
