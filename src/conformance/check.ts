import type { World } from './world.ts';

/** What a check is about, in the order in which reports tell them. */
export const AREAS = ['pods', 'probes', 'limits', 'volumes', 'network', 'services', 'dns', 'restarts'] as const;
export type Area = (typeof AREAS)[number];

/** One behaviour of a node that users and their programs rely on. */
export interface Check {
  readonly area: Area;
  /** A sentence without its subject, which is a node: `gives a pod the address that its status tells`. Names do not change: reports are compared by them. */
  readonly name: string;
  /** Resolves where it holds. Throws `Broken` with what was seen where it does not, `NotHere` where it cannot be seen on this node. */
  run(world: World): Promise<void>;
}

/** The node does not do what it should; the message says what was seen, in place of what. */
export class Broken extends Error {}

/** It cannot be told on this node; the message says why. */
export class NotHere extends Error {}

/** Throws `Broken` unless it holds. `what` begins with what was looked at: `the exit code`. */
export function expectThat(holds: boolean, what: string, seen: unknown): asserts holds {
  if (!holds) throw new Broken(`${what}; seen: ${typeof seen === 'string' ? seen : JSON.stringify(seen)}`);
}

/** Throws `Broken` with both where they are not the same text or number. */
export function expectSame(what: string, seen: string | number | undefined, wanted: string | number): void {
  if (seen !== wanted)
    throw new Broken(`${what} is ${JSON.stringify(seen) ?? 'not there'} in place of ${JSON.stringify(wanted)}`);
}
