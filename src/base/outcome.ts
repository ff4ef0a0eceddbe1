/** The named ways out of one reconcile step. Only `failed` is an error; "not yet" is `wait`. */
export type Outcome =
  | { readonly kind: 'settled' }
  | { readonly kind: 'advanced' }
  | { readonly kind: 'wait'; readonly forMs: number; readonly because: string }
  | { readonly kind: 'failed'; readonly error: Error };
