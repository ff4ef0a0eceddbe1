import type { ContainerToKill } from '../decide/actions.ts';
import type { DesiredPod } from '../desired/desired-pod.ts';
import type { PodEvents } from '../report/pod-events.ts';
import type { ContainerRuntime } from '../runtime/ports.ts';
import { type HookTools, runHook } from './lifecycle-hooks.ts';

export interface StopTools extends HookTools {
  readonly runtime: Pick<ContainerRuntime, 'execSync' | 'stopContainer'>;
  readonly events: PodEvents;
  /** Containers whose preStop hook has begun: it is run once, whoever asks again with less grace. */
  readonly hooked: Set<string>;
}

/** Upstream never asks a runtime for less, so that a process sees its signal at all. */
const MINIMUM_GRACE_SECONDS = 2;

/** Ends a container: its preStop hook runs within the grace, the runtime gets what is left of it. Safe to repeat. */
export async function stopContainer(
  tools: StopTools,
  target: ContainerToKill,
  pod: DesiredPod | undefined,
  podIP: string,
  signal: AbortSignal,
): Promise<void> {
  const { runtime, clock, hooked } = tools;
  const began = clock.monotonic();
  const spec = pod === undefined ? undefined : specOf(pod, target.name);
  const hook = spec?.lifecycle?.preStop;
  if (pod !== undefined && spec !== undefined && hook !== undefined && !hooked.has(target.id)) {
    hooked.add(target.id);
    const container = { id: target.id, spec, podIP };
    const limitSeconds = Math.max(target.graceSeconds, MINIMUM_GRACE_SECONDS);
    const failure = await runHook(hook, container, limitSeconds, tools, signal);
    if (failure !== undefined)
      tools.events.record(pod, 'Warning', 'FailedPreStopHook', `PreStopHook failed: ${failure}`, target.name);
  }
  const usedSeconds = Math.floor((clock.monotonic() - began) / 1000);
  await runtime.stopContainer(target.id, Math.max(target.graceSeconds - usedSeconds, MINIMUM_GRACE_SECONDS), signal);
  hooked.delete(target.id);
}

function specOf(
  { pod: { spec } }: DesiredPod,
  name: string,
): DesiredPod['pod']['spec']['containers'][number] | undefined {
  return [...(spec.initContainers ?? []), ...spec.containers].find(each => each.name === name);
}
