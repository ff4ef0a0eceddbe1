import type { Phase } from '../phases.ts';
import type { JoinContext } from './context.ts';
import { startKubelet, waitForBootstrap } from './kubelet.ts';
import { JOIN_PHASE_NAMES } from './phase-names.ts';
import { preflight } from './preflight.ts';

export type JoinPhaseName = (typeof JOIN_PHASE_NAMES)[number]['name'];

const RUNS: Readonly<Record<JoinPhaseName, NonNullable<Phase<JoinPhaseName, JoinContext>['run']>>> = {
  preflight,
  'kubelet-start': startKubelet,
  'kubelet-wait-bootstrap': waitForBootstrap,
};

/** The phases of `join` in their order. Each may be run again, and all of them after they were killed. */
export const JOIN_PHASES: readonly Phase<JoinPhaseName, JoinContext>[] = JOIN_PHASE_NAMES.map(
  ({ name, description }) => ({ name, description, run: RUNS[name] }),
);
