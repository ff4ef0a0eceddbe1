import { unexplainedError } from '../../api/status.ts';
import { GantryError } from '../../base/errors.ts';

/** A patch that is malformed: upstream's 400 BadRequest. */
export function badPatch(message: string): GantryError {
  return new GantryError('invalid-argument', message);
}

/** A well-formed patch that does not fit the object: upstream's 422, without field errors. */
export function unfitPatch(message: string): GantryError {
  return new GantryError('failed-precondition', message);
}

/** A patch beyond a limit: upstream's 413 RequestEntityTooLarge. */
export function patchTooLarge(message: string): GantryError {
  return new GantryError('resource-exhausted', message);
}

/** What upstream does not tell apart from a failure of its own, and answers with 500. */
export function strayPatch(message: string): GantryError {
  return unexplainedError(message);
}
