import { failedPrecondition, invalidArgument } from '../../base/errors.ts';
import type { CriNamespaceOption, SandboxFacts } from './inputs.ts';
import { NAMESPACE_MODE } from './inputs.ts';
import type { OciNamespace } from './oci-spec.ts';

export interface ContainerNamespaceRequest {
  readonly options: CriNamespaceOption | undefined;
  /** The sandbox's; undefined on the host network. */
  readonly netnsPath: string | undefined;
  /** Bound path of the pod's user namespace; undefined for the machine's. */
  readonly usernsPath: string | undefined;
  readonly infraPid: number;
  /** Where there is no infra process: what it would hold otherwise. */
  readonly pinned?: SandboxFacts['pinned'];
  readonly targetPid: number | undefined;
  readonly cgroupVersion: 1 | 2;
  readonly privileged: boolean;
}

/**
 * Namespaces of a container: network, ipc and uts are the pod's; pid by its mode (its own for CONTAINER, the pod's for POD, another container's for TARGET,
 * the machine's for NODE). The network is the sandbox's whatever the container's own request says, as with upstream runtimes: critest leaves it out. The uts namespace
 * follows the network: a pod on the host network has the machine's name. A cgroup namespace of its own on v2 unless privileged, as upstream runtimes do.
 */
export function containerNamespaces(request: ContainerNamespaceRequest): readonly OciNamespace[] {
  const { options, infraPid } = request;
  const namespaces: OciNamespace[] = [{ type: 'mount' }, ...userNamespace(request.usernsPath)];
  const pid = pidNamespace(request);
  if (pid !== undefined) namespaces.push(pid);
  const held = request.pinned ?? { ipc: `/proc/${infraPid}/ns/ipc`, uts: `/proc/${infraPid}/ns/uts` };
  if (options?.ipc !== NAMESPACE_MODE.NODE && held.ipc !== undefined) namespaces.push({ type: 'ipc', path: held.ipc });
  if (request.netnsPath !== undefined) namespaces.push({ type: 'network', path: request.netnsPath });
  if (request.netnsPath !== undefined && held.uts !== undefined) namespaces.push({ type: 'uts', path: held.uts });
  if (request.cgroupVersion === 2 && !request.privileged) namespaces.push({ type: 'cgroup' });
  return namespaces;
}

/** Namespaces of the pause process: its own pid, ipc and uts unless the pod has the machine's, and the pod's network. */
export function sandboxNamespaces(
  options: CriNamespaceOption | undefined,
  netnsPath: string | undefined,
  usernsPath: string | undefined,
  cgroupVersion: 1 | 2,
): readonly OciNamespace[] {
  const namespaces: OciNamespace[] = [{ type: 'mount' }, ...userNamespace(usernsPath)];
  if (options?.pid !== NAMESPACE_MODE.NODE) namespaces.push({ type: 'pid' });
  if (options?.ipc !== NAMESPACE_MODE.NODE) namespaces.push({ type: 'ipc' });
  if (options?.network !== NAMESPACE_MODE.NODE) namespaces.push(networkNamespace(netnsPath), { type: 'uts' });
  if (cgroupVersion === 2) namespaces.push({ type: 'cgroup' });
  return namespaces;
}

function pidNamespace(request: ContainerNamespaceRequest): OciNamespace | undefined {
  switch (request.options?.pid ?? NAMESPACE_MODE.CONTAINER) {
    case NAMESPACE_MODE.NODE:
      return undefined;
    case NAMESPACE_MODE.POD:
      if (request.pinned !== undefined)
        throw failedPrecondition(
          'the pod was made without a pid namespace to share: ask for it (pid: POD) in the sandbox too',
        );
      return { type: 'pid', path: `/proc/${request.infraPid}/ns/pid` };
    case NAMESPACE_MODE.CONTAINER:
      return { type: 'pid' };
    case NAMESPACE_MODE.TARGET:
      if (request.targetPid === undefined)
        throw failedPrecondition(
          `container "${request.options?.targetId ?? ''}", whose pid namespace is to be joined, is not running`,
        );
      return { type: 'pid', path: `/proc/${request.targetPid}/ns/pid` };
    default:
      throw invalidArgument(`pid namespace mode ${request.options?.pid} is unknown`);
  }
}

function networkNamespace(path: string | undefined): OciNamespace {
  if (path === undefined) throw invalidArgument('the pod is not on the host network but has no network namespace');
  return { type: 'network', path };
}

function userNamespace(path: string | undefined): readonly OciNamespace[] {
  return path === undefined ? [] : [{ type: 'user', path }];
}
