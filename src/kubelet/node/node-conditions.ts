import type { NodeCondition } from '../../api/types/gen/core-v1.ts';
import type { RuntimeCondition, RuntimeStatus } from '../runtime/ports.ts';
import type { Pressure } from './pressure.ts';

/** What was last heard from the runtime. */
export interface RuntimeHealth {
  /** Undefined before it answered for the first time. */
  readonly status: RuntimeStatus | undefined;
  /** It has not answered for longer than upstream's 30 s. */
  readonly down: boolean;
  /** The machine goes down. */
  readonly shuttingDown?: boolean;
}

type Verdict = Pick<NodeCondition, 'type' | 'status' | 'reason' | 'message'>;

/** The conditions that the kubelet tells, Ready last, as upstream has it. What stays keeps the time of its last change. Pure. */
export function nodeConditions(
  health: RuntimeHealth,
  pressure: Pressure,
  before: readonly NodeCondition[],
  now: string,
): readonly NodeCondition[] {
  const verdicts: Verdict[] = [
    pressure.memory
      ? told('MemoryPressure', 'True', 'KubeletHasInsufficientMemory', 'kubelet has insufficient memory available')
      : told('MemoryPressure', 'False', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'),
    pressure.disk
      ? told('DiskPressure', 'True', 'KubeletHasDiskPressure', 'kubelet has disk pressure')
      : told('DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'),
    pressure.pid
      ? told('PIDPressure', 'True', 'KubeletHasInsufficientPID', 'kubelet has insufficient PID available')
      : told('PIDPressure', 'False', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'),
    ready(health),
  ];
  return verdicts.map(verdict => {
    const known = before.find(condition => condition.type === verdict.type);
    const since = known?.status === verdict.status ? known.lastTransitionTime : undefined;
    return { ...verdict, lastHeartbeatTime: now, lastTransitionTime: since ?? now };
  });
}

function told(type: string, status: NodeCondition['status'], reason: string, message: string): Verdict {
  return { type, status, reason, message };
}

function ready(health: RuntimeHealth): Verdict {
  const problems = runtimeProblems(health);
  if (problems.length === 0) return told('Ready', 'True', 'KubeletReady', 'kubelet is posting ready status');
  const message = problems.length === 1 ? (problems[0] ?? '') : `[${problems.join(', ')}]`;
  return told('Ready', 'False', 'KubeletNotReady', message);
}

/** Why no pod can get a network; undefined where it can, and before the runtime has answered. Pure. */
export function networkProblem({ status }: RuntimeHealth): string | undefined {
  const condition = status?.conditions.find(each => each.type === 'NetworkReady');
  return condition?.status === false ? `container runtime network not ready: ${conditionText(condition)}` : undefined;
}

/** Why no pod can be run here; empty where they can. */
export function runtimeProblems({ status, down, shuttingDown }: RuntimeHealth): readonly string[] {
  const ending = shuttingDown === true ? ['node is shutting down'] : [];
  if (status === undefined) return ['container runtime status check may not have completed yet', ...ending];
  const problems = down ? ['container runtime is down'] : [];
  for (const [type, what] of [
    ['RuntimeReady', 'container runtime not ready'],
    ['NetworkReady', 'container runtime network not ready'],
  ] as const) {
    const condition = status.conditions.find(each => each.type === type);
    if (condition?.status === true) continue;
    problems.push(`${what}: ${condition === undefined ? '<nil>' : conditionText(condition)}`);
  }
  return [...problems, ...ending];
}

function conditionText({ type, status, reason, message }: RuntimeCondition): string {
  return `${type}=${status} reason:${reason} message:${message}`;
}
