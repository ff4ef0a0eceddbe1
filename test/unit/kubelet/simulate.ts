import type { Container, PodStatus } from '../../../src/api/types/gen/core-v1.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { containerNamed, StartFailure } from '../../../src/kubelet/act/start-container.ts';
import { type ActionOf, describeAction, type Plan, type PodAction } from '../../../src/kubelet/decide/actions.ts';
import { CRASH_BACKOFF } from '../../../src/kubelet/decide/crash-backoff.ts';
import { volumeImage } from '../../../src/kubelet/decide/needed-images.ts';
import { planPod } from '../../../src/kubelet/decide/plan-pod.ts';
import { planTermination } from '../../../src/kubelet/decide/plan-termination.ts';
import { EMPTY_MEMORY, type PodMemory } from '../../../src/kubelet/decide/pod-memory.ts';
import { computePodStatus } from '../../../src/kubelet/decide/pod-status.ts';
import { NOTHING_PROBED, type ProbedContainers } from '../../../src/kubelet/decide/probe-verdicts.ts';
import { type ImageAnswer, rememberDone, rememberFailed, rememberImage } from '../../../src/kubelet/decide/remember.ts';
import type { DesiredPod } from '../../../src/kubelet/desired/desired-pod.ts';
import { nothingObserved } from '../../../src/kubelet/observed/observed-pod.ts';
import { PodCache } from '../../../src/kubelet/observed/pod-cache.ts';
import { containerConfig } from '../../../src/kubelet/runtime/container-config.ts';
import { sandboxConfig } from '../../../src/kubelet/runtime/sandbox-config.ts';
import { LinuxContainerResources } from '../../../src/rpc/cri-api.ts';
import { FakeRuntime } from './fake-runtime.ts';

const IMAGE = { ref: 'sha256:1', uid: 0, username: '' };

/** A pod's worker without files, cgroups and waiting: the same plans, memory and observation, on a runtime that behaves. */
export class Simulation {
  readonly runtime = new FakeRuntime();
  readonly cache = new PodCache(this.runtime, systemClock);
  pod: DesiredPod;
  memory: PodMemory = EMPTY_MEMORY;
  wanted = true;
  /** Its machine goes down, which is why it is not wanted. */
  shutdown = false;
  probed: ProbedContainers = NOTHING_PROBED;
  readonly log: string[] = [];
  /** What becomes of images that are not simply there. */
  readonly imageAnswers = new Map<string, ImageAnswer>();

  /** What was told of the pod last. */
  previous: PodStatus | undefined;

  constructor(pod: DesiredPod) {
    this.pod = pod;
  }

  async plan(): Promise<Plan> {
    const { pod, memory, probed } = this;
    await this.cache.refresh(pod.uid, new AbortController().signal);
    const observed = this.cache.get(pod.uid) ?? nothingObserved(pod);
    if (!this.wanted)
      return planTermination({ observed, memory, sidecars: [], graceSeconds: 1, because: 'its manifest is gone' });
    const { now } = this.runtime;
    return planPod({
      ...{ desired: pod, observed, memory, probed, now, crashBackoff: CRASH_BACKOFF },
      startTime: this.previous?.startTime,
      previous: this.previous,
    });
  }

  #answerImage({ container: name, volume }: ActionOf<'ensure-image'>, now: number): PodMemory {
    const container = this.container(name);
    const needed = volume === undefined ? container : volumeImage(this.pod.pod.spec, container, volume);
    if (needed === undefined) throw new Error(`${name} has no volume ${volume}`);
    return rememberImage(this.memory, needed, this.imageAnswers.get(needed.image ?? '') ?? IMAGE, now);
  }

  container(name: string): Container {
    return containerNamed(this.pod, name);
  }

  status(previous = this.previous) {
    const observed = this.cache.get(this.pod.uid) ?? nothingObserved(this.pod);
    return computePodStatus({
      desired: this.pod,
      observed,
      memory: this.memory,
      probed: this.probed,
      now: this.runtime.now,
      crashBackoff: CRASH_BACKOFF,
      previous,
      startTime: previous?.startTime,
      hostIPs: ['192.0.2.1'],
      runtimeName: 'fake',
      qosClass: 'BestEffort',
      terminating: !this.wanted,
      shutdown: this.shutdown,
    });
  }

  /** One plan, to its end or first failure. Time passes when there is nothing else to do. True when nothing is left to do or to wait for. */
  async step(): Promise<boolean> {
    const plan = await this.plan();
    if (plan.gone) return true;
    if (plan.actions.length === 0) {
      if (plan.wakeAt === undefined) return true;
      this.runtime.now = Math.max(this.runtime.now + 1, plan.wakeAt);
      return false;
    }
    for (const action of plan.actions) {
      this.log.push(describeAction(action));
      try {
        await this.#apply(action);
        this.memory = rememberDone(this.memory, action);
      } catch (error) {
        const [reason, containerId] =
          error instanceof StartFailure ? [error.reason, error.containerId] : [undefined, undefined];
        this.memory = rememberFailed(
          this.memory,
          action,
          { reason, message: String(error), containerId },
          this.runtime.now,
        );
        if (containerId === undefined) this.runtime.now += 60_000;
        return false;
      }
    }
    return false;
  }

  /** Steps until settled; fails when that takes more than `limit`. */
  async settle(limit = 60): Promise<void> {
    for (let i = 0; i < limit; i += 1) if (await this.step()) return;
    throw new Error(`not settled after ${limit} steps:\n${this.log.join('\n')}`);
  }

  async #apply(action: PodAction): Promise<void> {
    const { runtime, pod } = this;
    switch (action.kind) {
      case 'ensure-image':
        this.memory = this.#answerImage(action, runtime.now);
        return;
      case 'create-sandbox':
        await runtime.runSandbox(this.#sandboxConfig(action.attempt));
        return;
      case 'start-container': {
        const container = this.container(action.container);
        const config = containerConfig({
          pod,
          container,
          restartCount: action.restartCount,
          image: IMAGE,
          env: new Map(),
          mounts: [],
          resources: LinuxContainerResources.fromPartial({}),
          security: { seccompDefault: false, seccompRoot: '/s' },
          userns: undefined,
        });
        await runtime.startContainer(await runtime.createContainer(action.sandboxId, config));
        return;
      }
      case 'start-created':
        await runtime.startContainer(action.id);
        return;
      case 'kill-containers':
        for (const { id } of action.containers) await runtime.stopContainer(id);
        return;
      case 'remove-container':
        await runtime.removeContainer(action.id);
        return;
      case 'stop-sandbox':
        await runtime.stopSandbox(action.id);
        return;
      case 'remove-sandbox':
        await runtime.removeSandbox(action.id);
        return;
      default:
        return;
    }
  }

  #sandboxConfig(attempt: number) {
    const dns = { host: { servers: [], searches: [], options: [] }, clusterDns: [], clusterDomain: '' };
    const cgroups = { cpuQuotaEnforced: true, cpuPeriodUs: 100_000 };
    return sandboxConfig({
      pod: this.pod,
      attempt,
      logDirectory: '/l',
      cgroupParent: '/k',
      cgroups,
      dns,
      userns: undefined,
    });
  }
}
