import { errorMessage, internalError } from '../base/errors.ts';

/** Throws when there are errors: the only one as it is, several as one whose message names each. */
export function rethrowAll(errors: readonly unknown[]): void {
  if (errors.length === 0) return;
  if (errors.length === 1) throw errors[0];
  throw internalError(errors.map(errorMessage).join('; '), { cause: errors });
}
