import type { CriResources } from './inputs.ts';

/**
 * Resources after an update: what the request leaves at its zero stays as it was, as with upstream runtimes. The names of `unified` are merged one by one, and so
 * are the page sizes of hugepage limits. Pure.
 */
export function mergeResources<R extends CriResources>(before: R | undefined, update: R): R {
  if (before === undefined) return update;
  const changed = Object.entries(update).filter(([, value]) => value !== 0n && value !== '');
  const pages = new Map([...before.hugepageLimits, ...update.hugepageLimits].map(limit => [limit.pageSize, limit]));
  return {
    ...before,
    ...Object.fromEntries(changed),
    hugepageLimits: [...pages.values()],
    unified: { ...before.unified, ...update.unified },
  };
}
