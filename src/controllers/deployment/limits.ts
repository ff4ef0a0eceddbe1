import type { Deployment } from '../../api/types/gen/apps-v1.ts';
import { scaled } from '../pods/int-or-percent.ts';

/** How far a rolling update may go above and below the wanted number of pods. */
export interface RollingLimits {
  readonly maxSurge: number;
  readonly maxUnavailable: number;
}

/** Surge is rounded up, what may be missing down; both zero would be a standstill, so one may be missing then. Nothing for other strategies than RollingUpdate. */
export function rollingLimits({ spec }: Deployment): RollingLimits {
  const { type, rollingUpdate } = spec.strategy;
  if (type !== 'RollingUpdate') return { maxSurge: 0, maxUnavailable: 0 };
  const replicas = spec.replicas ?? 1;
  const maxSurge = scaled(rollingUpdate?.maxSurge, replicas, 'up');
  const resolved = scaled(rollingUpdate?.maxUnavailable, replicas, 'down');
  const maxUnavailable = maxSurge === 0 && resolved === 0 ? 1 : resolved;
  return { maxSurge, maxUnavailable: Math.min(maxUnavailable, replicas) };
}
