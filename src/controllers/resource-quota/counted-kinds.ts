import { allResources } from '../../api/schema/resources/registry.ts';
import type { ResourceId } from '../../client/api-object.ts';

const NEEDED = ['create', 'list', 'watch', 'delete'] as const;

/** The kinds whose objects a quota may count: all that are stored in namespaces, each in the version that its group prefers. Events never were counted. */
export function countedKinds(): readonly ResourceId[] {
  const kinds = new Map<string, ResourceId>();
  for (const { group, version, plural, scope, served, verbs } of allResources()) {
    const isCounted = served && scope === 'namespaced' && NEEDED.every(verb => verbs.includes(verb));
    const name = `${plural}.${group}`;
    if (isCounted && plural !== 'events' && !kinds.has(name)) kinds.set(name, { group, version, plural });
  }
  return [...kinds.values()];
}
