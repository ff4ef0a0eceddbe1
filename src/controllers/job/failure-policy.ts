import type {
  Job,
  PodFailurePolicyOnExitCodesRequirement,
  PodFailurePolicyRule,
} from '../../api/types/gen/batch-v1.ts';
import type { ContainerStatus, Pod } from '../../api/types/gen/core-v1.ts';

/** What the policy of a job makes of a pod that failed. */
export interface FailureVerdict {
  readonly action: PodFailurePolicyRule['action'] | undefined;
  /** Whether it counts for back-off limits. */
  readonly counts: boolean;
  /** Why the whole job fails, in upstream's words. */
  readonly failsJob: string | undefined;
}

const COUNTS: FailureVerdict = { action: undefined, counts: true, failsJob: undefined };

/** By the first rule that fits; without a policy, and where none fits, a failure counts. Pure. */
export function judgeFailure({ spec }: Job, pod: Pod): FailureVerdict {
  for (const [index, rule] of (spec.podFailurePolicy?.rules ?? []).entries()) {
    const fit = fits(rule, pod);
    if (fit === undefined) continue;
    const { action } = rule;
    if (action === 'Ignore') return { action, counts: false, failsJob: undefined };
    const failsJob = action === 'FailJob' ? `${fit} matching FailJob rule at index ${index}` : undefined;
    return { action, counts: true, failsJob };
  }
  return COUNTS;
}

function fits({ onExitCodes, onPodConditions }: PodFailurePolicyRule, pod: Pod): string | undefined {
  const name = `${pod.metadata.namespace}/${pod.metadata.name}`;
  if (onExitCodes !== undefined) {
    const { containerStatuses = [], initContainerStatuses = [] } = pod.status;
    const ended = [...containerStatuses, ...initContainerStatuses].find(status => hasCode(status, onExitCodes));
    return ended && `Container ${ended.name} for pod ${name} failed with exit code ${ended.state.terminated?.exitCode}`;
  }
  const condition = pod.status.conditions?.find(each =>
    onPodConditions?.some(pattern => pattern.type === each.type && pattern.status === each.status),
  );
  return condition && `Pod ${name} has condition ${condition.type}`;
}

function hasCode({ name, state }: ContainerStatus, rule: PodFailurePolicyOnExitCodesRequirement): boolean {
  const code = state.terminated?.exitCode;
  if (code === undefined || code === 0 || (rule.containerName !== undefined && rule.containerName !== name))
    return false;
  return rule.values.includes(code) === (rule.operator === 'In');
}
