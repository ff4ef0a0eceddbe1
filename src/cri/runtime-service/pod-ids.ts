import { faultPoint } from '../../linux/fault-point.ts';
import type { ContainerConfig } from '../../rpc/cri-api.ts';
import type { OverlayRequest } from '../node-port.ts';
import type { CriMount, PodUserNamespace } from '../spec/inputs.ts';
import type { OciSpec } from '../spec/oci-spec.ts';
import { isIdMapped, machineId, podUserNamespace } from '../spec/user-namespace.ts';
import type { SandboxRecord } from '../store/sandbox-record.ts';
import type { RuntimeServiceContext } from './context.ts';

/** The user namespace of a sandbox, where it has one of its own. */
export function sandboxUserns(record: SandboxRecord): PodUserNamespace | undefined {
  const ids = podUserNamespace(record.config.linux?.securityContext?.namespaceOptions);
  return ids === undefined || record.usernsPath === undefined ? undefined : { ...ids, path: record.usernsPath };
}

/** Who is root in the pod, as the machine knows it. */
export function podRoot(userns: PodUserNamespace | undefined): { readonly uid: number; readonly gid: number } {
  return { uid: userns?.uids[0]?.hostID ?? 0, gid: userns?.gids[0]?.hostID ?? 0 };
}

/**
 * The mount as the runtime is to make it: one with id mappings is shown under a path of its own, by us and not by the runtime, for runc before 1.2 would pass the
 * mappings over in silence. `hideMountsAgain` takes these paths away; the container keeps what it has mounted. Throws `failed-precondition` where the file
 * system cannot do it.
 */
export function showWithPodIds(
  ctx: RuntimeServiceContext,
  container: string,
  userns: PodUserNamespace | undefined,
  mount: CriMount & Pick<ContainerConfig['mounts'][number], 'uidMappings' | 'gidMappings'>,
  index: number,
): CriMount {
  if (!isIdMapped(mount, userns) || userns === undefined) return mount;
  const target = `${ctx.paths.idmapped(container)}/${index}`;
  ctx.node.mountIdmapped({ source: mount.hostPath, target, usernsPath: userns.path });
  faultPoint('cri/create-container/mount-shown');
  return { ...mount, hostPath: target };
}

/** How an overlay of a container shows the layers of an image. */
export function layerIds(
  ctx: RuntimeServiceContext,
  container: string,
  usernsPath: string | undefined,
): OverlayRequest['idmapped'] {
  return usernsPath === undefined ? undefined : { usernsPath, scratch: `${ctx.paths.idmapped(container)}/layers` };
}

/**
 * Lets the program of a container that is created and not started open its streams anew by name (/dev/stderr): they are root's on the machine, and runc, which gives them to the user of the
 * program, may not do so from inside a user namespace.
 */
export function giveStreams(
  ctx: RuntimeServiceContext,
  { process: { user }, linux }: OciSpec,
  pid: number | undefined,
): void {
  if (linux.uidMappings === undefined || pid === undefined) return;
  ctx.node.chownStreams(pid, machineId(user.uid, linux.uidMappings), machineId(user.gid, linux.gidMappings));
}

/** Safe to repeat. */
export function hideMountsAgain(ctx: RuntimeServiceContext, container: string): void {
  ctx.node.removeIdmapped(ctx.paths.idmapped(container));
}
