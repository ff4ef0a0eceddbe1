import { isSidecar } from '../../../../api/pod-resources.ts';
import type { ContainerStatus, Pod } from '../../../../api/types/gen/core-v1.ts';
import { AGE, columns, NAME, since } from '../../cells.ts';
import type { Columns } from '../../strategy.ts';

/** kubectl get pods. What the status column says is upstream's reading of the containers' states. */
export const podColumns: Columns<Pod> = {
  definitions: [
    NAME,
    ...columns({
      Ready: 'How many containers are ready, of how many the pod has.',
      Status: 'What the containers do, all in all.',
      Restarts: 'How often containers were started anew, and when that happened last.',
    }),
    AGE,
    ...columns(
      {
        IP: 'The address of the pod, once it has one.',
        Node: 'The node that the pod runs on, or is to run on.',
        'Nominated Node': 'The node on which others make room for the pod.',
        'Readiness Gates': 'How many of the conditions that others must set for the pod to be ready are true.',
      },
      { wide: true },
    ),
  ],
  cells(pod, now) {
    const view = readContainers(pod);
    const total = pod.spec.containers.length + (pod.spec.initContainers ?? []).filter(isSidecar).length;
    const restarts =
      view.restarts === 0 || view.lastRestart === undefined
        ? String(view.restarts)
        : `${view.restarts} (${since(view.lastRestart, now)} ago)`;
    return [
      pod.metadata.name ?? '',
      `${view.ready}/${total}`,
      deletionReason(pod) ?? view.reason,
      restarts,
      since(pod.metadata.creationTimestamp, now),
      orNone(pod.status.podIPs?.[0]?.ip),
      orNone(pod.spec.nodeName),
      orNone(pod.status.nominatedNodeName),
      gatesCell(pod),
    ];
  },
  conditions(pod) {
    const { phase } = pod.status;
    if (phase === 'Succeeded')
      return [{ type: 'Completed', status: 'True', reason: phase, message: 'The pod has completed successfully.' }];
    if (phase === 'Failed') return [{ type: 'Completed', status: 'True', reason: phase, message: 'The pod failed.' }];
    return [];
  },
};

interface View {
  readonly ready: number;
  readonly restarts: number;
  readonly lastRestart: string | undefined;
  readonly reason: string;
}

function readContainers(pod: Pod): View {
  const { status, spec } = pod;
  const sidecars = new Set((spec.initContainers ?? []).filter(isSidecar).map(container => container.name));
  const inits = status.initContainerStatuses ?? [];
  const gated = status.conditions?.some(c => c.type === 'PodScheduled' && c.reason === 'SchedulingGated') === true;
  let reason = gated ? 'SchedulingGated' : nonEmpty(status.reason, status.phase ?? '');
  let initializing = false;
  let ready = 0;
  const seen: ContainerStatus[] = [];
  for (const [index, container] of inits.entries()) {
    seen.push(container);
    const { terminated, waiting } = container.state;
    if (terminated?.exitCode === 0) continue;
    if (sidecars.has(container.name) && container.started === true) {
      if (container.ready) ready++;
      continue;
    }
    initializing = true;
    if (terminated !== undefined) reason = `Init:${endReason(terminated)}`;
    else if (waiting?.reason !== undefined && waiting.reason !== '' && waiting.reason !== 'PodInitializing')
      reason = `Init:${waiting.reason}`;
    else reason = `Init:${index}/${(spec.initContainers ?? []).length}`;
    break;
  }
  const initialized = status.conditions?.some(c => c.type === 'Initialized' && c.status === 'True') === true;
  if (initializing && !initialized) return { ready, reason, ...restartsOf(seen) };
  const running = readRunning(pod, reason);
  const counted = [...seen.filter(s => sidecars.has(s.name)), ...(status.containerStatuses ?? [])];
  return { ready: ready + running.ready, reason: running.reason, ...restartsOf(counted) };
}

function readRunning(pod: Pod, initial: string): { readonly ready: number; readonly reason: string } {
  let reason = initial;
  let error = '';
  let ready = 0;
  for (const { state, ready: isReady } of [...(pod.status.containerStatuses ?? [])].reverse()) {
    if (state.waiting?.reason !== undefined && state.waiting.reason !== '') reason = state.waiting.reason;
    else if (state.terminated !== undefined) {
      reason = endReason(state.terminated);
      if (state.terminated.exitCode !== 0) error = reason;
    } else if (isReady && state.running !== undefined) ready++;
  }
  if (reason !== 'Completed') return { ready, reason };
  const podReady = pod.status.conditions?.some(c => c.type === 'Ready' && c.status === 'True') === true;
  if (ready > 0 && podReady) return { ready, reason: 'Running' };
  if (error !== '') return { ready, reason: error };
  return { ready, reason: ready > 0 ? 'NotReady' : reason };
}

function endReason(terminated: NonNullable<ContainerStatus['state']['terminated']>): string {
  const { reason = '', signal = 0, exitCode } = terminated;
  if (reason !== '') return reason;
  return signal === 0 ? `ExitCode:${exitCode}` : `Signal:${signal}`;
}

function restartsOf(statuses: readonly ContainerStatus[]): Pick<View, 'restarts' | 'lastRestart'> {
  const ends = statuses.flatMap(s => s.lastState.terminated?.finishedAt ?? []).toSorted();
  return { restarts: statuses.reduce((sum, s) => sum + s.restartCount, 0), lastRestart: ends.at(-1) };
}

function deletionReason(pod: Pod): string | undefined {
  if (pod.metadata.deletionTimestamp === undefined) return undefined;
  if (pod.status.reason === 'NodeLost') return 'Unknown';
  return pod.status.phase === 'Succeeded' || pod.status.phase === 'Failed' ? undefined : 'Terminating';
}

function gatesCell(pod: Pod): string {
  const gates = pod.spec.readinessGates ?? [];
  if (gates.length === 0) return '<none>';
  // of several conditions of one type the first counts
  const states = new Map((pod.status.conditions ?? []).toReversed().map(({ type, status }) => [type, status]));
  const open = gates.filter(gate => states.get(gate.conditionType) === 'True').length;
  return `${open}/${gates.length}`;
}

function orNone(text: string | undefined): string {
  return nonEmpty(text, '<none>');
}

function nonEmpty(text: string | undefined, otherwise: string): string {
  return text === undefined || text === '' ? otherwise : text;
}
