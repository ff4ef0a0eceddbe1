import { type ApiError, requestTooLargeError } from '../status.ts';

/**
 * How many elements the lists and maps of a body may have together. An element takes two bytes of a body and kilobytes of memory with all that is
 * found wrong with it, so 3 MiB of nothing but elements would hold a server for a minute. Objects that etcd takes come nowhere near.
 */
export const MAX_ELEMENTS = 100_000;

/** 413 for a body with more of them. Upstream has no such limit. */
export function tooManyElementsError(): ApiError {
  return requestTooLargeError(`limit of elements in lists and maps is ${MAX_ELEMENTS}`);
}
