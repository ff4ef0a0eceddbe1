import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { qosClass } from '../../api/pod-resources.ts';
import type { Container } from '../../api/types/gen/core-v1.ts';
import { errorCode, errorMessage, failedPrecondition, GantryError, internalError } from '../../base/errors.ts';
import { joinedSignal } from '../../base/signals.ts';
import { faultPoint } from '../../linux/fault-point.ts';
import type { ActionOf } from '../decide/actions.ts';
import { volumeImage } from '../decide/needed-images.ts';
import { imageOf } from '../decide/pod-memory.ts';
import { type DesiredPod, fullName } from '../desired/desired-pod.ts';
import { containerEnv } from '../env/container-env.ts';
import { objectsFor } from '../objects/pod-objects.ts';
import { newestContainer, type ObservedPod } from '../observed/observed-pod.ts';
import { podLogDir } from '../pod-paths.ts';
import { containerResources } from '../resources/container-resources.ts';
import { containerConfig, containerLogPath } from '../runtime/container-config.ts';
import { volumeSource } from '../volumes/plan.ts';
import { readInside } from '../volumes/subpath.ts';
import { allocatableOf } from './allocatable.ts';
import { containerMounts, type MountsInput } from './container-mounts.ts';
import { configOfSandbox, handlerOf } from './create-sandbox.ts';
import { postStartFailure, runHook } from './lifecycle-hooks.ts';
import type { ActTools, PodTask } from './pod-task.ts';
import { userNamespaceOf } from './pod-user-namespace.ts';
import { volumesOf } from './pod-volumes.ts';
import { stopContainer } from './stop-container.ts';

const DEFAULT_GRACE_SECONDS = 30;

/** A container was created and could not be started: `containerId` is what is left of it. */
export class StartFailure extends GantryError {
  readonly containerId: string;

  constructor(containerId: string, cause: unknown) {
    super(errorCode(cause), errorMessage(cause), { cause, reason: 'RunContainerError' });
    this.containerId = containerId;
  }
}

export function containerNamed(pod: DesiredPod, name: string): Container {
  const { initContainers = [], containers, ephemeralContainers = [] } = pod.pod.spec;
  const container = [...initContainers, ...containers, ...ephemeralContainers].find(c => c.name === name);
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
  const image = imageOf(task.memory, container);
  if (sandbox === undefined || image?.state !== 'present')
    throw internalError(`container ${container.name}: its sandbox or image is not known any more`);
  const podIPs = pod.pod.spec.hostNetwork === true ? settings.hostIPs : sandbox.ips;
  const volumes = volumesOf(settings, pod);
  const env = await containerEnv({
    pod,
    container,
    facts: { nodeName: settings.nodeName, hostIPs: settings.hostIPs, podIPs },
    allocatable: allocatableOf(settings),
    objects: objectsFor(pod, tools.objects),
    readVolumeFile: (volume, path) => {
      const root = volumeSource(volumes, volume);
      if (root === undefined) throw failedPrecondition(`cannot find the volume "${volume}" referenced by FileKeyRef`);
      return readInside(root, path);
    },
  });
  const { restartCount } = action;
  const canRecurse = await canMountRecursively(tools, pod, container, signal);
  const config = containerConfig({
    pod,
    container,
    restartCount,
    image: image.image,
    env,
    mounts: containerMounts({
      settings,
      pod,
      container,
      restartCount,
      podIPs,
      env,
      canRecurse,
      images: volumeImages(task, pod, container),
    }),
    resources: containerResources(pod.pod, container, qosClass(pod.pod), settings.capacity, settings.cgroups),
    security: settings.security,
    userns: userNamespaceOf(settings, pod),
    pidTarget: pidTarget(pod, action.container, task.observed),
  });
  mkdirSync(`${podLogDir(settings, pod)}/${container.name}`, { recursive: true, mode: 0o755 });
  const sandboxConfig = configOfSandbox(tools, pod, sandbox.attempt);
  const id = await tools.runtime.createContainer(sandbox.id, config, sandboxConfig, signal);
  tools.events.record(pod, 'Normal', 'Created', 'Container created', container.name);
  await startCreated(tools, task, pod, { id, name: container.name, restartCount }, podIPs[0] ?? '', signal);
}

/** Asked only where a mount wants it: few do. */
async function canMountRecursively(
  tools: ActTools,
  pod: DesiredPod,
  { volumeMounts = [] }: Container,
  signal: AbortSignal,
): Promise<boolean> {
  if (volumeMounts.every(({ recursiveReadOnly = 'Disabled' }) => recursiveReadOnly === 'Disabled')) return false;
  const { handlers } = await tools.runtime.status(signal);
  const wanted = handlerOf(tools, pod);
  return handlers.find(({ name }) => name === wanted)?.recursiveReadOnlyMounts ?? false;
}

/** The images of the volumes that the container mounts: all were asked for before. */
function volumeImages({ memory }: PodTask, { pod }: DesiredPod, container: Container): MountsInput['images'] {
  const images = new Map<string, { readonly ref: string; readonly userSpecified: string }>();
  for (const { name } of container.volumeMounts ?? []) {
    const needed = volumeImage(pod.spec, container, name);
    if (needed === undefined) continue;
    const known = imageOf(memory, needed);
    if (known?.state !== 'present')
      throw internalError(`container ${container.name}: the image of its volume "${name}" is not known any more`);
    images.set(name, { ref: known.image.ref, userSpecified: known.of });
  }
  return images;
}

/** The container whose processes an ephemeral one has asked to see: the newest of that name, running or not, as upstream; the runtime refuses one that does not run. */
function pidTarget({ pod: { spec } }: DesiredPod, name: string, observed: ObservedPod): string | undefined {
  const target = spec.ephemeralContainers?.find(c => c.name === name)?.targetContainerName ?? '';
  if (target === '') return undefined;
  const found = newestContainer(observed, target);
  if (found === undefined)
    throw failedPrecondition(`unable to find target container ${target}`, { reason: 'CreateContainerConfigError' });
  return found.id;
}

/** Starts a created container. The link to its log is there before it runs, so that whoever finds it running finds the link. */
export async function startCreated(
  tools: ActTools,
  task: Pick<PodTask, 'ending'>,
  pod: DesiredPod,
  container: { readonly id: string; readonly name: string; readonly restartCount: number },
  podIP: string,
  signal: AbortSignal,
): Promise<void> {
  faultPoint('kubelet/pod/container-created');
  linkLog(tools, pod, container);
  try {
    await tools.runtime.startContainer(container.id, signal);
  } catch (error) {
    if (errorCode(error) === 'unavailable') throw error;
    throw new StartFailure(container.id, error);
  }
  tools.events.record(pod, 'Normal', 'Started', 'Container started', container.name);
  faultPoint('kubelet/pod/container-started');
  await afterStart(tools, task, pod, containerNamed(pod, container.name), container.id, podIP, signal);
}

/** The container counts as started when its postStart hook has ended; where that fails, it is ended as others are. A pod that has to end does not wait for the hook. */
async function afterStart(
  tools: ActTools,
  { ending }: Pick<PodTask, 'ending'>,
  pod: DesiredPod,
  spec: Container,
  id: string,
  podIP: string,
  signal: AbortSignal,
): Promise<void> {
  const hook = spec.lifecycle?.postStart;
  if (hook === undefined) return;
  const done = new AbortController();
  const cut = joinedSignal(joinedSignal(done.signal, ending), joinedSignal(done.signal, signal));
  const failure = await runHook(hook, { id, spec, podIP }, 0, tools, cut).catch(error => {
    if (signal.aborted || !ending.aborted) throw error;
    return undefined;
  });
  done.abort();
  if (failure === undefined) return;
  tools.events.record(pod, 'Warning', 'FailedPostStartHook', `PostStartHook failed: ${failure}`, spec.name);
  tools.events.record(pod, 'Normal', 'Killing', 'FailedPostStartHook', spec.name);
  const graceSeconds = pod.pod.spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS;
  await stopContainer({ ...tools, hooked: new Set() }, { id, name: spec.name, graceSeconds }, pod, podIP, signal);
  throw postStartFailure(spec, failure);
}

/** `<pod>_<namespace>_<container>-<id>.log`, the name by which log collectors find a container's log. */
export function logLinkName(
  pod: { readonly name: string; readonly namespace: string },
  container: string,
  id: string,
): string {
  return `${pod.name}_${pod.namespace}_${container}-${id}.log`;
}

/** A link that cannot be made is told and holds up nothing: the log itself is in its place. */
function linkLog(
  { settings, log }: ActTools,
  pod: DesiredPod,
  container: { readonly id: string; readonly name: string; readonly restartCount: number },
): void {
  if (settings.containerLogLinks === undefined) return;
  const link = `${settings.containerLogLinks}/${logLinkName(pod, container.name, container.id)}`;
  try {
    rmSync(link, { force: true });
    symlinkSync(`${podLogDir(settings, pod)}/${containerLogPath(container.name, container.restartCount)}`, link);
  } catch (error) {
    log.warn({ pod: fullName(pod), link, because: errorMessage(error) }, 'no link to the log could be made');
  }
}
