import { isSidecar } from '../../api/pod-resources.ts';
import type { Container, ContainerStatus, PodStatus } from '../../api/types/gen/core-v1.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../daemon/logger.ts';
import { Counter, type Registry } from '../../daemon/metrics.ts';
import { NOTHING_PROBED, type ProbedContainers, type ProbeKind, type ProbeResults } from '../decide/probe-verdicts.ts';
import type { DesiredPod } from '../desired/desired-pod.ts';
import type { ObservedContainer, ObservedPod } from '../observed/observed-pod.ts';
import type { PodEvents } from '../report/pod-events.ts';
import type { ContainerRuntime } from '../runtime/ports.ts';
import { ContainerProber } from './container-prober.ts';
import type { ProbeOutcome } from './threshold.ts';

export interface ProbeManagerOptions {
  readonly runtime: Pick<ContainerRuntime, 'execSync'>;
  readonly hostIPs: readonly string[];
  readonly events: PodEvents;
  readonly clock: Clock;
  readonly log: Logger;
  readonly registry: Registry;
  /** 0 <= x < 1. */
  readonly random: () => number;
  /** The probes of a pod have settled on something else. */
  readonly onChange: (uid: string) => void;
}

const TITLES: { readonly [K in ProbeKind]: string } = {
  startup: 'Startup',
  liveness: 'Liveness',
  readiness: 'Readiness',
};
interface ProbeLabels {
  readonly probe_type: string;
  readonly result: string;
  readonly container: string;
  readonly pod: string;
  readonly namespace: string;
  readonly pod_uid: string;
}

/** Containers that were there when the kubelet came are not probed all in the same moment. */
const SPREAD_MS = 10_000;

/** The probers of all containers that run and have probes, and what they found. */
export class ProbeManager {
  readonly #options: ProbeManagerOptions;
  readonly #pods = new Map<string, Map<string, ContainerProber>>();
  readonly #results = new Map<string, ProbedContainers>();
  readonly #bornAt: number;
  readonly #total: Counter<keyof ProbeLabels>;
  /** By uid: what is counted of a pod, to be taken away with it. */
  readonly #counted = new Map<string, Map<string, ProbeLabels>>();

  constructor(options: ProbeManagerOptions) {
    this.#options = options;
    this.#bornAt = options.clock.now();
    this.#total = new Counter({
      name: 'prober_probe_total',
      help: 'Cumulative number of a liveness, readiness or startup probe for a container by result.',
      labelNames: ['probe_type', 'result', 'container', 'pod', 'namespace', 'pod_uid'] as const,
      registers: [options.registry],
    });
  }

  /** By container id; the same object until something changes. */
  results(uid: string): ProbedContainers {
    return this.#results.get(uid) ?? NOTHING_PROBED;
  }

  /** These containers of the pod run: those with probes are probed from now on, others no longer. `told` is what was said of it last, over restarts of the kubelet. */
  follow(desired: DesiredPod, observed: ObservedPod, told: PodStatus | undefined): void {
    this.#follow(desired, observed, told);
    this.#publish(desired.uid);
  }

  /** The same of a pod that is being ended: of its containers that still run only the readiness is probed, as upstream. */
  windDown(desired: DesiredPod, observed: ObservedPod, told: PodStatus | undefined): void {
    this.#follow(desired, observed, told);
    for (const prober of this.#pods.get(desired.uid)?.values() ?? []) prober.windDown();
    this.#publish(desired.uid);
  }

  #follow(desired: DesiredPod, observed: ObservedPod, told: PodStatus | undefined): void {
    const wanted = new Map(probed(desired, observed).map(each => [each.observed.id, each]));
    const probers = this.#pods.get(desired.uid) ?? new Map<string, ContainerProber>();
    for (const [id, prober] of probers) {
      if (wanted.has(id)) continue;
      prober.stop();
      probers.delete(id);
    }
    for (const [id, { spec, observed: container }] of wanted)
      if (!probers.has(id)) probers.set(id, this.#start(desired, spec, container, observed, told));
    if (probers.size === 0) this.#pods.delete(desired.uid);
    else this.#pods.set(desired.uid, probers);
  }

  /** The pod is not run any more. */
  forget(uid: string): void {
    for (const prober of this.#pods.get(uid)?.values() ?? []) prober.stop();
    this.#pods.delete(uid);
    this.#results.delete(uid);
    for (const labels of this.#counted.get(uid)?.values() ?? []) this.#total.remove({ ...labels });
    this.#counted.delete(uid);
  }

  /** The kubelet ends; containers run on. */
  stop(): void {
    for (const uid of [...this.#pods.keys()]) this.forget(uid);
  }

  #start(
    desired: DesiredPod,
    spec: Container,
    container: ObservedContainer,
    observed: ObservedPod,
    told: PodStatus | undefined,
  ): ContainerProber {
    const { runtime, clock, random, hostIPs, onChange } = this.#options;
    const onHost = desired.pod.spec.hostNetwork === true;
    const [podIP = ''] = onHost ? hostIPs : (observed.sandboxes[0]?.ips ?? []);
    return new ContainerProber({
      container: { id: container.id, spec, podIP },
      startedAt: container.startedAt,
      results: earlierResults(spec, container.id, told),
      spread: container.startedAt < this.#bornAt && clock.now() - this.#bornAt < SPREAD_MS,
      runtime,
      clock,
      random,
      onResults: () => {
        this.#publish(desired.uid);
        onChange(desired.uid);
      },
      onOutcome: (kind, outcome) => this.#tell(desired, spec, kind, outcome),
    });
  }

  #publish(uid: string): void {
    const probers = this.#pods.get(uid);
    if (probers === undefined) this.#results.delete(uid);
    else this.#results.set(uid, new Map([...probers].map(([id, prober]) => [id, prober.results])));
  }

  #tell(desired: DesiredPod, { name }: Container, kind: ProbeKind, { result, output, warning }: ProbeOutcome): void {
    const { events, log } = this.#options;
    const { namespace, name: pod, uid } = desired;
    const metric = result === 'success' ? 'successful' : result === 'failure' ? 'failed' : 'unknown';
    this.#count({ probe_type: TITLES[kind], result: metric, container: name, pod, namespace, pod_uid: uid });
    if (warning === true)
      events.record(desired, 'Warning', 'ProbeWarning', `${TITLES[kind]} probe warning: ${output}`, name);
    if (result === 'success') return;
    const message =
      result === 'failure'
        ? `${TITLES[kind]} probe failed: ${output}`
        : `${TITLES[kind]} probe errored and resulted in unknown state: ${output}`;
    events.record(desired, 'Warning', 'Unhealthy', message, name);
    log.debug({ pod: `${namespace}/${pod}`, container: name, because: output }, `${kind} probe: ${result}`);
  }

  #count(labels: ProbeLabels): void {
    const counted = this.#counted.get(labels.pod_uid) ?? new Map<string, ProbeLabels>();
    this.#counted.set(labels.pod_uid, counted.set(`${labels.container} ${labels.probe_type} ${labels.result}`, labels));
    this.#total.inc({ ...labels });
  }
}

/** Init containers but for sidecars, and ephemeral ones, have no probes. */
function probed(
  { pod }: DesiredPod,
  { containers }: ObservedPod,
): { readonly spec: Container; readonly observed: ObservedContainer }[] {
  const specs = [...(pod.spec.initContainers ?? []).filter(isSidecar), ...pod.spec.containers];
  return specs.flatMap(spec => {
    if (spec.startupProbe === undefined && spec.livenessProbe === undefined && spec.readinessProbe === undefined)
      return [];
    const observed = containers.find(each => each.name === spec.name && each.state === 'running');
    return observed === undefined ? [] : [{ spec, observed }];
  });
}

/** What was told of this very life of the container holds until a probe finds otherwise: a kubelet that is started anew makes nothing unready. */
function earlierResults(spec: Container, id: string, told: PodStatus | undefined): ProbeResults {
  const same = (status: ContainerStatus): boolean =>
    status.name === spec.name && status.containerID?.endsWith(`//${id}`) === true;
  const status = [...(told?.initContainerStatuses ?? []), ...(told?.containerStatuses ?? [])].find(same);
  return {
    ...(spec.startupProbe !== undefined && status?.started === true ? { startup: 'success' as const } : {}),
    ...(spec.readinessProbe !== undefined && status?.ready === true ? { readiness: 'success' as const } : {}),
  };
}
