import type { ContainerConfig, PodSandboxConfig } from '../../rpc/cri-api.ts';
import { containerLabels, levelOf, type SelinuxLabels, sandboxLabels } from '../spec/selinux-labels.ts';
import type { SandboxRecord } from '../store/sandbox-record.ts';
import type { RuntimeServiceContext } from './context.ts';

/** The SELinux labels of a new sandbox, on a level that no other has; undefined where SELinux is off. */
export function newSandboxLabels(
  ctx: RuntimeServiceContext,
  id: string,
  config: PodSandboxConfig,
): SelinuxLabels | undefined {
  const { selinux } = ctx.node.facts;
  if (selinux === undefined) return undefined;
  const taken = new Set(
    ctx.store.allSandboxes().flatMap(s => (s.selinux === undefined ? [] : levelOf(s.selinux.process))),
  );
  return sandboxLabels(selinux, config.linux?.securityContext?.selinuxOptions, { id, taken });
}

/** Those of a container; undefined where SELinux is off, and in a sandbox of before it was on. */
export function labelsOfContainer(
  ctx: RuntimeServiceContext,
  sandbox: SandboxRecord,
  config: ContainerConfig,
): SelinuxLabels | undefined {
  const { selinux } = ctx.node.facts;
  const context = config.linux?.securityContext;
  if (selinux === undefined || sandbox.selinux === undefined) return undefined;
  return containerLabels(selinux, context?.selinuxOptions, sandbox.selinux, context?.privileged ?? false);
}

/** Gives the pod's own files to its containers. */
export async function relabelPodFiles(
  ctx: RuntimeServiceContext,
  { id, selinux, ownShm }: SandboxRecord,
): Promise<void> {
  if (selinux === undefined) return;
  const { paths } = ctx;
  const files = [paths.resolvConf(id), paths.hostname(id), paths.hosts(id), ...(ownShm ? [paths.shm(id)] : [])];
  for (const file of files) await ctx.node.relabel(file, selinux.mount);
}

/** Gives what the request says (`selinux_relabel`) to the container alone. Throws `invalid-argument` for directories of the machine. */
export async function relabelMounts(
  ctx: RuntimeServiceContext,
  mounts: ContainerConfig['mounts'],
  labels: SelinuxLabels | undefined,
): Promise<void> {
  if (labels === undefined) return;
  for (const { selinuxRelabel, hostPath, image } of mounts)
    if (selinuxRelabel && image === undefined)
      await ctx.node.relabel(ctx.node.realPath(hostPath) ?? hostPath, labels.mount);
}
