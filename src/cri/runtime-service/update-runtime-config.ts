import type { UpdateRuntimeConfigRequest, UpdateRuntimeConfigResponse } from '../../rpc/cri-api.ts';
import type { RuntimeServiceContext } from './context.ts';

/** Hands the node's pod CIDR on to the network. Without one nothing happens. Throws `invalid-argument` for what is no CIDR. */
export function updateRuntimeConfig(
  ctx: RuntimeServiceContext,
  request: UpdateRuntimeConfigRequest,
): UpdateRuntimeConfigResponse {
  const cidr = request.runtimeConfig?.networkConfig?.podCidr ?? '';
  if (cidr !== '') ctx.network.setPodCidr(cidr);
  return {};
}
