import type { ContainerConfig } from '../../rpc/cri-api.ts';
import { applyCdiEdits, cdiEditsFor } from '../spec/cdi-devices.ts';
import { requestedCdiDevices } from '../spec/cdi-names.ts';
import type { CdiEdits } from '../spec/cdi-spec.ts';
import type { OciSpec } from '../spec/oci-spec.ts';
import type { RuntimeServiceContext } from './context.ts';

/**
 * The specification with the CDI devices that the request names, by its field or by annotations: last of all, for what a driver says stands. Throws `invalid-argument` for a
 * name that is none and `failed-precondition` for a device that nobody describes.
 */
export function withCdiDevices(
  ctx: RuntimeServiceContext,
  spec: OciSpec,
  config: ContainerConfig,
  pod: { readonly container: string; readonly usernsPath: string | undefined },
): OciSpec {
  const names = requestedCdiDevices(config.CDIDevices, config.annotations);
  if (names.length === 0) return spec;
  const edits = cdiEditsFor(names, ctx.node.readCdiFiles(ctx.config.cdiSpecDirs));
  return applyCdiEdits(spec, shownWithPodIds(ctx, edits, pod), ctx.node.lookUpNode);
}

/** In a pod with a user namespace of its own the files of a driver are root's too, as with upstream's runtimes. */
function shownWithPodIds(
  ctx: RuntimeServiceContext,
  edits: readonly CdiEdits[],
  { container, usernsPath }: { readonly container: string; readonly usernsPath: string | undefined },
): readonly CdiEdits[] {
  if (usernsPath === undefined) return edits;
  return edits.map((edit, i) => ({
    ...edit,
    mounts: (edit.mounts ?? []).map((mount, j) => {
      const isBind = ['', 'bind'].includes(mount.type ?? '');
      const source = isBind ? ctx.node.realPath(mount.hostPath) : undefined;
      if (source === undefined) return mount;
      const target = `${ctx.paths.idmapped(container)}/cdi-${i}-${j}`;
      ctx.node.mountIdmapped({ source, target, usernsPath });
      return { ...mount, hostPath: target };
    }),
  }));
}
