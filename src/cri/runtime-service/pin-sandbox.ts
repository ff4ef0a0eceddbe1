import { NamespaceMode, type PodSandboxConfig } from '../../rpc/cri-api.ts';
import { needsInfra } from '../spec/infra.ts';
import { sandboxSysctls } from '../spec/sandbox-spec.ts';
import type { SandboxRecord } from '../store/sandbox-record.ts';
import type { RuntimeServiceContext } from './context.ts';
import { usesHostNetwork } from './network-attachment.ts';

/** Where the namespaces of a sandbox without a pause process are to be bound; undefined for one that needs the process. */
export function pinsFor(
  ctx: RuntimeServiceContext,
  id: string,
  config: PodSandboxConfig,
  runtime: string,
): SandboxRecord['pinned'] {
  const options = config.linux?.securityContext?.namespaceOptions;
  if (needsInfra(options, ctx.config.dropInfra, runtime)) return undefined;
  return {
    ...(options?.ipc === NamespaceMode.NODE ? {} : { ipc: ctx.paths.ipcns(id) }),
    ...(usesHostNetwork(config) ? {} : { uts: ctx.paths.utsns(id) }),
  };
}

/** Makes the namespaces of a sandbox without a pause process, with the pod's host name and kernel parameters in them. Nothing of it is left on failure. */
export function pinSandbox(ctx: RuntimeServiceContext, record: SandboxRecord): void {
  const { config, netnsPath, hostname, pinned = {} } = record;
  const sysctls = Object.entries(sandboxSysctls(config)).map(([name, value]) => [swapped(name), value] as const);
  const ofNetwork = sysctls.filter(([name]) => name.startsWith('net/'));
  if (netnsPath !== undefined) ctx.node.setSysctlsIn(netnsPath, Object.fromEntries(ofNetwork));
  const others = Object.fromEntries(sysctls.filter(([name]) => !name.startsWith('net/')));
  ctx.node.pinNamespaces({ ...pinned, hostname, sysctls: others });
}

/** A parameter's path under /proc/sys: a dot separates, and a slash stands for a dot in a name (`net.ipv4.conf.eth0/1.forwarding`). */
function swapped(name: string): string {
  return name.replace(/[./]/g, c => (c === '.' ? '/' : '.'));
}
