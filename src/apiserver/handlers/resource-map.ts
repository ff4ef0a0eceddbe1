import { allResources } from '../../api/schema/resources/registry.ts';
import type { ApiResource } from '../../api/schema/resources/resource.ts';
import { strategyFor } from '../resources/strategies.ts';
import type { WatchCache } from '../storage/watch-cache/watch-cache.ts';
import { ServedResource } from './served-resource.ts';

/** True for what this server stores and answers in the form that it is stored in. */
function isStoredForm({ storage, group, version }: ApiResource): boolean {
  return storage !== undefined && storage.group === group && storage.version === version;
}

/** What this server answers, as discovery and OpenAPI describe it. */
export function describedResources(): readonly ApiResource[] {
  return allResources().filter(row => row.served && (row.storage === undefined || isStoredForm(row)));
}

/** What is stored, by `group/version/plural`. All packages of the table must be loaded. */
export function servedResources(watchCache: WatchCache): ReadonlyMap<string, ServedResource> {
  return new Map(
    describedResources()
      .filter(row => row.storage !== undefined)
      .map(row => [`${row.group}/${row.version}/${row.plural}`, new ServedResource(strategyFor(row), watchCache)]),
  );
}
