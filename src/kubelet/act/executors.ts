import { mkdirSync } from 'node:fs';
import { qosClass } from '../../api/pod-resources.ts';
import { errorMessage, GantryError, internalError } from '../../base/errors.ts';
import { faultPoint } from '../../linux/fault-point.ts';
import type { ActionOf, PodActionKind } from '../decide/actions.ts';
import { volumeImage } from '../decide/needed-images.ts';
import type { DesiredPod } from '../desired/desired-pod.ts';
import { podKeyring } from '../images/pull-secrets.ts';
import { objectsFor } from '../objects/pod-objects.ts';
import { podDir } from '../pod-paths.ts';
import { podCgroup, podCgroupResources } from '../resources/pod-cgroup.ts';
import type { KubeletSettings } from '../settings.ts';
import { applyVolumes } from '../volumes/apply.ts';
import { collectPayload } from '../volumes/payload.ts';
import type { VolumeStep } from '../volumes/plan.ts';
import { removeVolumes } from '../volumes/remove.ts';
import { allocatableOf } from './allocatable.ts';
import { configOfSandbox, createSandbox } from './create-sandbox.ts';
import type { ActTools, PodTask } from './pod-task.ts';
import { volumesOf } from './pod-volumes.ts';
import { removeContainerLog, removePodCgroup, removePodFiles } from './remove-pod.ts';
import { resizeContainers, settleGroup } from './resize-pod.ts';
import { containerNamed, logLinkName, startContainer, startCreated } from './start-container.ts';
import { stopContainer } from './stop-container.ts';

/** One executor per verb; each is safe to run again after it failed or was cut off anywhere. */
export type Executors = {
  readonly [K in PodActionKind]: (action: ActionOf<K>, task: PodTask, signal: AbortSignal) => Promise<void>;
};

export function createExecutors(tools: ActTools): Executors {
  const { runtime, settings, puller, clock, events } = tools;
  const applySteps = async (pod: DesiredPod, steps: readonly VolumeStep[], signal: AbortSignal): Promise<void> => {
    const objects = objectsFor(pod, tools.objects);
    const allocatable = allocatableOf(settings);
    await applyVolumes(steps, {
      payload: step => collectPayload({ pod, step, objects, allocatable }, signal),
      now: () => clock.now(),
      onFailure: message => events.record(pod, 'Warning', 'FailedMount', message),
    });
  };
  const stopTools = { runtime, clock, events, hooked: new Set<string>() };
  return {
    async 'make-volumes'(_action, task, signal) {
      const pod = wanted(task);
      mkdirSync(podDir(settings, task.uid), { recursive: true, mode: 0o750 });
      await applySteps(pod, volumesOf(settings, pod), signal);
      faultPoint('kubelet/pod/volumes-made');
    },

    async 'update-volumes'(_action, task, signal) {
      const pod = wanted(task);
      const steps = volumesOf(settings, pod).filter(step => step.kind === 'files');
      await applySteps(pod, steps, signal);
    },

    async 'make-cgroup'(_action, task, signal) {
      const { pod } = wanted(task);
      const qos = qosClass(pod);
      const group = podCgroup(settings.cgroups.root, qos, task.uid);
      await tools.cgroups.make(group, podCgroupResources(pod, qos, settings.cgroups), signal);
      faultPoint('kubelet/pod/cgroup-made');
    },

    async 'ensure-image'(action, task, signal) {
      const pod = wanted(task);
      const attempt = task.observed.sandboxes[0]?.attempt ?? 0;
      const tell = (type: 'Normal' | 'Warning', reason: string, message: string, container?: string): void =>
        events.record(pod, type, reason, message, container);
      const container = containerNamed(pod, action.container);
      const needed = action.volume === undefined ? container : volumeImage(pod.pod.spec, container, action.volume);
      if (needed === undefined) throw internalError(`volume ${action.volume} of ${action.container} has no image`);
      const answer = await puller.ensure(
        {
          needed,
          sandbox: configOfSandbox(tools, pod, attempt),
          keyring: () =>
            podKeyring(pod, objectsFor(pod, tools.objects), message =>
              tell('Warning', 'FailedToRetrieveImagePullSecret', message),
            ),
          // upstream tells what happens to the image of a volume of the pod as a whole
          onEvent: (type, reason, message) =>
            tell(type, reason, message, action.volume === undefined ? action.container : undefined),
        },
        signal,
      );
      if (answer === 'cut-off' || !('pull' in answer)) return task.onImage(needed, answer);
      task.onImage(needed, 'pulling');
      answer.pull.then(outcome => task.onPulled(needed, outcome));
    },

    async 'create-sandbox'(action, task, signal) {
      const pod = wanted(task);
      if (action.attempt > 0)
        events.record(pod, 'Normal', 'SandboxChanged', 'Pod sandbox changed, it will be killed and re-created.');
      await createSandbox(tools, pod, action.attempt, signal);
    },

    async 'start-container'(action, task, signal) {
      await startContainer(tools, task, wanted(task), action, signal);
    },

    async 'start-created'(action, task, signal) {
      const created = task.observed.containers.find(c => c.id === action.id);
      if (created === undefined) throw internalError(`container ${action.container}: it is not known any more`);
      await startCreated(tools, task, wanted(task), created, podAddress(settings, task), signal);
    },

    async 'resize-containers'(action, task, signal) {
      await resizeContainers(tools, wanted(task), action, signal);
    },

    async 'settle-group'(_action, task, signal) {
      await settleGroup(tools, wanted(task), signal);
    },

    async 'kill-containers'(action, task, signal) {
      for (const { name, message } of action.containers)
        if (task.desired !== undefined)
          events.record(task.desired, 'Normal', 'Killing', message ?? `Stopping container ${name}`, name);
      const results = await Promise.allSettled(
        action.containers.map(c => stopContainer(stopTools, c, task.desired, podAddress(settings, task), signal)),
      );
      throwFirst(results);
      faultPoint('kubelet/pod/containers-killed');
    },

    async 'remove-container'(action, task, signal) {
      await runtime.removeContainer(action.id, signal);
      const container = task.observed.containers.find(c => c.id === action.id);
      if (container === undefined) return;
      removeContainerLog(settings, container.logPath, logLinkName(task.observed, container.name, container.id));
    },

    async 'stop-sandbox'(action, _task, signal) {
      await runtime.stopSandbox(action.id, signal);
    },

    async 'remove-sandbox'(action, _task, signal) {
      await runtime.removeSandbox(action.id, signal);
      faultPoint('kubelet/pod/sandbox-removed');
    },

    async 'remove-volumes'(_action, task) {
      await removeVolumes(podDir(settings, task.uid));
    },

    async 'remove-cgroup'(_action, task, signal) {
      await removePodCgroup(tools, task.uid, signal);
    },

    async 'remove-pod-dir'(_action, task) {
      await removePodFiles(settings, task.uid);
    },
  };
}

/** Where the ports of the pod's containers are. */
function podAddress(settings: KubeletSettings, { desired, observed }: PodTask): string {
  const ips = desired?.pod.spec.hostNetwork === true ? settings.hostIPs : observed.sandboxes[0]?.ips;
  return ips?.[0] ?? '';
}

function wanted(task: PodTask): DesiredPod {
  if (task.desired === undefined) throw internalError(`pod ${task.uid} has no manifest, it can only be ended`);
  return task.desired;
}

/** All were tried; the first failure is thrown with how many there were. */
function throwFirst(results: readonly PromiseSettledResult<void>[]): void {
  const failed = results.filter(r => r.status === 'rejected');
  const [first] = failed;
  if (first === undefined) return;
  if (failed.length === 1) throw first.reason;
  const code = first.reason instanceof GantryError ? first.reason.code : 'unknown';
  throw new GantryError(
    code,
    `${failed.length} containers could not be stopped; the first: ${errorMessage(first.reason)}`,
    {
      cause: first.reason,
    },
  );
}
