import { durationMs } from '../../api/duration.ts';
import type { Pod } from '../../api/types/gen/core-v1.ts';
import type { KubeletConfiguration } from '../../api/types/gen/kubelet-v1beta1.ts';
import { invalidArgument } from '../../base/errors.ts';

/** Pods of this priority or more, up to the next stage's, are given so long at the shutdown of the machine. */
export interface ShutdownStage {
  readonly priority: number;
  readonly graceSeconds: number;
}

/** Upstream's system-cluster-critical: from here on pods are critical. */
const CRITICAL_PRIORITY = 2_000_000_000;

type ShutdownFields = Pick<
  KubeletConfiguration,
  'shutdownGracePeriod' | 'shutdownGracePeriodCriticalPods' | 'shutdownGracePeriodByPodPriority'
>;

/** The stages in which pods end, those of the least priority first; none where shutdowns are not waited for. Throws `invalid-argument`, in upstream's words. Pure. */
export function shutdownStages(config: ShutdownFields): readonly ShutdownStage[] {
  const total = durationMs(config.shutdownGracePeriod);
  const critical = durationMs(config.shutdownGracePeriodCriticalPods);
  const byPriority = config.shutdownGracePeriodByPodPriority ?? [];
  if (byPriority.length > 0) {
    if (total > 0 || critical > 0)
      throw invalidArgument(
        'invalid configuration: Cannot specify both shutdownGracePeriodByPodPriority and shutdownGracePeriod at the same time',
      );
    return byPriority
      .map(({ priority, shutdownGracePeriodSeconds }) => ({ priority, graceSeconds: shutdownGracePeriodSeconds }))
      .sort((a, b) => a.priority - b.priority);
  }
  if (critical > total)
    throw invalidArgument(
      `invalid configuration: shutdownGracePeriodCriticalPods ${config.shutdownGracePeriodCriticalPods} must be <= shutdownGracePeriod ${config.shutdownGracePeriod}`,
    );
  for (const [name, ms, text] of [
    ['shutdownGracePeriod', total, config.shutdownGracePeriod],
    ['shutdownGracePeriodCriticalPods', critical, config.shutdownGracePeriodCriticalPods],
  ] as const)
    if (ms < 0 || (ms > 0 && ms < 1000))
      throw invalidArgument(`invalid configuration: ${name} ${text} must be either zero or otherwise >= 1 sec`);
  if (total === 0) return [];
  return [
    { priority: 0, graceSeconds: Math.floor((total - critical) / 1000) },
    { priority: CRITICAL_PRIORITY, graceSeconds: Math.floor(critical / 1000) },
  ];
}

/** How long all stages may take together, in seconds. Pure. */
export function shutdownSeconds(stages: readonly ShutdownStage[]): number {
  return stages.reduce((sum, { graceSeconds }) => sum + graceSeconds, 0);
}

/** Which pods end in which stage, in the order of the stages; a stage without pods is left out, so that nobody waits for it. Pure. */
export function podsByStage<T extends { readonly pod: Pod }>(
  stages: readonly ShutdownStage[],
  pods: readonly T[],
): readonly { readonly stage: ShutdownStage; readonly pods: readonly T[] }[] {
  const stageOf = ({ pod }: T): ShutdownStage | undefined =>
    stages.findLast(({ priority }) => priority <= (pod.spec.priority ?? 0)) ?? stages[0];
  return stages
    .map(stage => ({ stage, pods: pods.filter(each => stageOf(each) === stage) }))
    .filter(each => each.pods.length > 0);
}

/** The grace of a pod: its own where that is not longer than its stage's. Pure. */
export function shutdownGrace(pod: Pod, { graceSeconds }: ShutdownStage): number {
  return Math.min(pod.spec.terminationGracePeriodSeconds ?? graceSeconds, graceSeconds);
}
