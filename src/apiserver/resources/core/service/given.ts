import type { Service } from '../../../../api/types/gen/core-v1.ts';
import type { FieldError } from '../../../../api/validation/field-error.ts';

export type Refused =
  | { readonly kind: 'invalid'; readonly errors: readonly FieldError[] }
  /** A range has nothing left, or a port that is asked for is not to be had: an error of the server to upstream. */
  | { readonly kind: 'full'; readonly message: string };

/** What one of the allocations gives: the service with it, and what was taken anew. */
export type Given<T> = { readonly kind: 'given'; readonly service: Service; readonly taken: readonly T[] };
