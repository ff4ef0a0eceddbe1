import type { ContainerConfig } from '../../rpc/cri-api.ts';
import { applyCdiEdits, cdiEditsFor } from '../spec/cdi-devices.ts';
import { requestedCdiDevices } from '../spec/cdi-names.ts';
import type { OciSpec } from '../spec/oci-spec.ts';
import type { RuntimeServiceContext } from './context.ts';

/**
 * The specification with the CDI devices that the request names, by its field or by annotations: last of all, for what a driver says stands. Throws `invalid-argument` for a
 * name that is none and `failed-precondition` for a device that nobody describes.
 */
export function withCdiDevices(ctx: RuntimeServiceContext, spec: OciSpec, config: ContainerConfig): OciSpec {
  const names = requestedCdiDevices(config.CDIDevices, config.annotations);
  if (names.length === 0) return spec;
  const edits = cdiEditsFor(names, ctx.node.readCdiFiles(ctx.config.cdiSpecDirs));
  return applyCdiEdits(spec, edits, ctx.node.lookUpNode);
}
