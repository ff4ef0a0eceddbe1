import { hostname } from 'node:os';
import type { CandidateLives } from '../client/leader-election.ts';
import { LifeFiles } from '../linux/life-files.ts';

/**
 * What candidates for a lease see of each other on this machine: one that starts after a kill -9 or a power cut sees that the holder has ended, and need not
 * wait until the lease runs out. Apart by host name: a copy of a machine has another.
 */
export function candidateLives(directory: string, lease: string): CandidateLives {
  return new LifeFiles(`${directory}/${hostname()}/${lease}`);
}
