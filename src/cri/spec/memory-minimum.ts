import { failedPrecondition } from '../../base/errors.ts';

/**
 * The smallest memory limit with which each runtime's own init gets as far as the container's program. crun needs about 500 KiB; runc, a Go program,
 * about 12 MiB (both CRI-O's figures). Below it the kernel kills the init, and which message comes out of that is chance.
 */
const MINIMUM_BYTES: ReadonlyMap<string, bigint> = new Map([
  ['crun', 500n << 10n],
  ['runc', 12n << 20n],
]);

/** Throws `failed-precondition`, naming limit and minimum, for a memory limit with which no container can start. Zero and less mean no limit. Pure. */
export function requireStartableMemory(runtime: string, limitBytes: bigint): void {
  const minimum = MINIMUM_BYTES.get(runtime);
  if (minimum === undefined || limitBytes <= 0n || limitBytes >= minimum) return;
  throw failedPrecondition(
    `the memory limit of ${limitBytes} bytes is too small to start the container: ${runtime} needs at least ${minimum} bytes`,
  );
}
