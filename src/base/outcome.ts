/** How a step of a loop ended. Not-yet is no failure: it has a reason and a time to look again. */
export type Outcome =
  | { readonly kind: 'settled' }
  | { readonly kind: 'advanced' }
  | { readonly kind: 'wait'; readonly forMs: number; readonly because: string }
  | { readonly kind: 'failed'; readonly error: Error };

/** Nothing is left to do until something changes. */
export const SETTLED: Outcome = { kind: 'settled' };
/** Something was done: look again at once. */
export const ADVANCED: Outcome = { kind: 'advanced' };

export function waitFor(forMs: number, because: string): Outcome {
  return { kind: 'wait', forMs, because };
}
