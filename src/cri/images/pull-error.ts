import { errnoName, GantryError } from '../../base/errors.ts';

/** The error of a pull or import with the image named; a full disk says whose. What is cancelled or has no meaning stays as it is. */
export function pullError(error: unknown, title: string, directory: string): unknown {
  const errno = errnoName(error);
  if (errno === 'ENOSPC' || errno === 'EDQUOT')
    return new GantryError(
      'resource-exhausted',
      `cannot pull ${title}: no space left on the disk of ${directory} (${errno})`,
      { cause: error },
    );
  if (!(error instanceof GantryError) || error.code === 'cancelled') return error;
  const reason = error.reason === undefined ? {} : { reason: error.reason };
  return new GantryError(error.code, `cannot pull ${title}: ${error.message}`, { cause: error, ...reason });
}
