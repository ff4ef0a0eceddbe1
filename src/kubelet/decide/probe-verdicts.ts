import type { Container } from '../../api/types/gen/core-v1.ts';

export type ProbeKind = 'startup' | 'readiness' | 'liveness';

/** What the probes of one container have settled on; what is missing is not known yet. */
export interface ProbeResults {
  readonly startup?: 'success' | 'failure';
  readonly readiness?: 'success' | 'failure';
  readonly liveness?: 'success' | 'failure';
}

/** By container id: another life of a container begins anew. */
export type ProbedContainers = ReadonlyMap<string, ProbeResults>;

export const NOTHING_PROBED: ProbedContainers = new Map();

/** Whether a container that runs counts as started: at once, or once its startup probe has succeeded. */
export function isStarted(container: Container, id: string, probed: ProbedContainers): boolean {
  return container.startupProbe === undefined || probed.get(id)?.startup === 'success';
}

/** Whether a container that runs is ready: started, and found so by its readiness probe if it has one. */
export function isReady(container: Container, id: string, probed: ProbedContainers): boolean {
  if (!isStarted(container, id, probed)) return false;
  return container.readinessProbe === undefined || probed.get(id)?.readiness === 'success';
}

/** The probe by which a container that runs has to end, if one of them says so. */
export function failedProbe(
  container: Container,
  id: string,
  probed: ProbedContainers,
): 'startup' | 'liveness' | undefined {
  const results = probed.get(id);
  if (container.livenessProbe !== undefined && results?.liveness === 'failure') return 'liveness';
  if (container.startupProbe !== undefined && results?.startup === 'failure') return 'startup';
  return undefined;
}
