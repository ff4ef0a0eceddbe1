/** A memory limit before and after a resize, with what is used under it. Bytes; undefined: no limit, or a usage that nobody tells. */
export interface MemoryChange {
  readonly before: number | undefined;
  readonly after: number | undefined;
  readonly used: number | undefined;
}

/**
 * Why memory limits cannot be lowered now, in upstream's words; undefined where they can. Under a limit below what it uses a program would be ended by the kernel (cgroup v2), or the limit be refused
 * after those of other containers were set (v1). `containers` are those that are resized. Pure.
 */
export function refuseMemoryDecrease(
  pod: MemoryChange | undefined,
  containers: readonly (MemoryChange & { readonly name: string })[],
): string | undefined {
  const errors: string[] = [];
  if (pod !== undefined && isLowered(pod)) {
    if (pod.used === undefined) errors.push('missing pod memory usage');
    else if (pod.used >= pod.after)
      errors.push(`attempting to set pod memory limit (${pod.after}) below current usage (${pod.used})`);
  }
  for (const container of containers) {
    if (!isLowered(container)) continue;
    const { name, after, used } = container;
    if (used === undefined) errors.push(`missing container "${name}" memory usage`);
    else if (used >= after)
      errors.push(`attempting to set container "${name}" memory limit (${after}) below current usage (${used})`);
  }
  if (errors.length === 0) return undefined;
  return `cannot decrease memory limits: ${errors.length === 1 ? errors.join() : `[${errors.join(', ')}]`}`;
}

/** Limits that come where none was are lowered too. */
export function isLowered(
  change: Pick<MemoryChange, 'before' | 'after'>,
): change is { readonly before: number | undefined; readonly after: number } {
  const { before, after } = change;
  return after !== undefined && (before === undefined || after < before);
}
