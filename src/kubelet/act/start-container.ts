import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { qosClass } from '../../api/pod-resources.ts';
import type { Container } from '../../api/types/gen/core-v1.ts';
import { errorCode, errorMessage, GantryError, internalError } from '../../base/errors.ts';
import { faultPoint } from '../../linux/fault-point.ts';
import type { ActionOf } from '../decide/actions.ts';
import type { DesiredPod } from '../desired/desired-pod.ts';
import { containerEnv } from '../env/container-env.ts';
import { podLogDir } from '../pod-paths.ts';
import { containerResources } from '../resources/container-resources.ts';
import { containerConfig } from '../runtime/container-config.ts';
import type { KubeletSettings } from '../settings.ts';
import { containerMounts } from './container-mounts.ts';
import { configOfSandbox } from './create-sandbox.ts';
import type { ActTools, PodTask } from './pod-task.ts';

/** A container was created and could not be started: `containerId` is what is left of it. */
export class StartFailure extends GantryError {
  readonly containerId: string;

  constructor(containerId: string, cause: unknown) {
    super(errorCode(cause), errorMessage(cause), { cause, reason: 'RunContainerError' });
    this.containerId = containerId;
  }
}

export function containerNamed(pod: DesiredPod, name: string): Container {
  const { initContainers = [], containers } = pod.pod.spec;
  const container = [...initContainers, ...containers].find(c => c.name === name);
  if (container === undefined) throw internalError(`pod ${pod.namespace}/${pod.name} has no container "${name}"`);
  return container;
}

/** Creates a container and starts it. What is wrong with its configuration is said before the runtime is asked. */
export async function startContainer(
  tools: ActTools,
  task: PodTask,
  pod: DesiredPod,
  action: ActionOf<'start-container'>,
  signal: AbortSignal,
): Promise<void> {
  const { settings } = tools;
  const container = containerNamed(pod, action.container);
  const sandbox = task.observed.sandboxes.find(s => s.id === action.sandboxId);
  const image = task.memory.images.get(container.name);
  if (sandbox === undefined || image?.state !== 'present')
    throw internalError(`container ${container.name}: its sandbox or image is not known any more`);
  const podIPs = pod.pod.spec.hostNetwork === true ? settings.hostIPs : sandbox.ips;
  const env = containerEnv({
    pod,
    container,
    facts: { nodeName: settings.nodeName, hostIPs: settings.hostIPs, podIPs },
    allocatable: settings.allocatable,
  });
  const { restartCount } = action;
  const config = containerConfig({
    pod,
    container,
    restartCount,
    image: image.image,
    env,
    mounts: containerMounts({ settings, pod, container, restartCount, podIPs, env }),
    resources: containerResources(pod.pod, container, qosClass(pod.pod), settings.capacity, settings.cgroups),
    security: settings.security,
  });
  mkdirSync(`${podLogDir(settings, pod)}/${container.name}`, { recursive: true, mode: 0o755 });
  const sandboxConfig = configOfSandbox(settings, pod, sandbox.attempt);
  const id = await tools.runtime.createContainer(sandbox.id, config, sandboxConfig, signal);
  await startCreated(tools, id, signal);
  linkLog(settings, pod, container.name, id, `${podLogDir(settings, pod)}/${config.logPath}`);
}

/** Starts a created container. */
export async function startCreated(tools: ActTools, id: string, signal: AbortSignal): Promise<void> {
  try {
    await tools.runtime.startContainer(id, signal);
  } catch (error) {
    if (errorCode(error) === 'unavailable') throw error;
    throw new StartFailure(id, error);
  }
  faultPoint('kubelet/pod/container-started');
}

/** `<pod>_<namespace>_<container>-<id>.log`, the name by which log collectors find a container's log. */
export function logLinkName(
  pod: { readonly name: string; readonly namespace: string },
  container: string,
  id: string,
): string {
  return `${pod.name}_${pod.namespace}_${container}-${id}.log`;
}

function linkLog(settings: KubeletSettings, pod: DesiredPod, container: string, id: string, logPath: string): void {
  if (settings.containerLogLinks === undefined) return;
  const link = `${settings.containerLogLinks}/${logLinkName(pod, container, id)}`;
  rmSync(link, { force: true });
  symlinkSync(logPath, link);
}
