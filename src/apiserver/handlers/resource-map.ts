import { allResources } from '../../api/schema/resources/registry.ts';
import type { ApiResource } from '../../api/schema/resources/resource.ts';
import { strategyFor } from '../resources/strategies.ts';
import type { WatchCache } from '../storage/watch-cache/watch-cache.ts';
import { ServedResource } from './served-resource.ts';

/** What this server answers, as discovery and OpenAPI describe it. */
export function describedResources(): readonly ApiResource[] {
  return allResources().filter(row => row.served);
}

/** What is stored, by `group/version/plural`. All packages of the table must be loaded. */
export function servedResources(watchCache: WatchCache): ReadonlyMap<string, ServedResource> {
  return new Map(
    describedResources()
      .filter(row => row.storage !== undefined)
      .map(row => [`${row.group}/${row.version}/${row.plural}`, new ServedResource(strategyFor(row), watchCache)]),
  );
}
