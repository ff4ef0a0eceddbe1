import { type ServedGroup, type ServedVersion, storageVersionHash } from './groups.ts';

/** The documents of discovery, as plain JSON. Pure. */

export function apiVersions(serverAddress: string): object {
  return {
    kind: 'APIVersions',
    versions: ['v1'],
    serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
  };
}

/** The paths of these documents, for the index at `/`. */
export function discoveryPaths(groups: readonly ServedGroup[]): string[] {
  return [
    '/api',
    '/apis',
    ...groups.flatMap(({ group, versions }) => {
      const path = group === '' ? '/api' : `/apis/${group}`;
      return [...(group === '' ? [] : [path]), ...versions.map(({ version }) => `${path}/${version}`)];
    }),
  ];
}

export function apiGroupList(groups: readonly ServedGroup[]): object {
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: groups.filter(each => each.group !== '').map(groupEntry) };
}

export function apiGroup(group: ServedGroup): object {
  return { kind: 'APIGroup', apiVersion: 'v1', ...groupEntry(group) };
}

function groupEntry({ group, versions }: ServedGroup) {
  const entries = versions.map(({ version }) => ({ groupVersion: `${group}/${version}`, version }));
  return { name: group, versions: entries, preferredVersion: entries[0] };
}

/** What one version serves, subresources beside their resources. */
export function apiResourceList(group: string, served: ServedVersion): object {
  const resources = served.resources.flatMap(resource => {
    const namespaced = resource.scope === 'namespaced';
    const hash = storageVersionHash(resource);
    return [
      {
        name: resource.plural,
        singularName: resource.singular,
        namespaced,
        kind: resource.kind,
        verbs: resource.verbs,
        ...(resource.shortNames.length === 0 ? {} : { shortNames: resource.shortNames }),
        ...(resource.categories.length === 0 ? {} : { categories: resource.categories }),
        ...(hash === undefined ? {} : { storageVersionHash: hash }),
      },
      ...resource.subresources.map(sub => ({
        name: `${resource.plural}/${sub.name}`,
        singularName: '',
        namespaced,
        ...(sub.group === group && sub.version === served.version ? {} : { group: sub.group, version: sub.version }),
        kind: sub.kind,
        verbs: sub.verbs,
      })),
    ];
  });
  const groupVersion = group === '' ? served.version : `${group}/${served.version}`;
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources };
}

/** `apidiscovery.k8s.io/v2`: everything below /api or /apis in one answer. */
export function aggregatedDiscovery(groups: readonly ServedGroup[]): object {
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: 'apidiscovery.k8s.io/v2',
    metadata: {},
    items: groups.map(({ group, versions }) => ({
      metadata: group === '' ? {} : { name: group },
      versions: versions.map(served => ({
        version: served.version,
        resources: served.resources.map(resource => ({
          resource: resource.plural,
          responseKind: { group, version: served.version, kind: resource.kind },
          scope: resource.scope === 'namespaced' ? 'Namespaced' : 'Cluster',
          singularResource: resource.singular,
          verbs: resource.verbs,
          ...(resource.shortNames.length === 0 ? {} : { shortNames: resource.shortNames }),
          ...(resource.categories.length === 0 ? {} : { categories: resource.categories }),
          subresources: resource.subresources.map(sub => ({
            subresource: sub.name,
            responseKind: { group: sub.group, version: sub.version, kind: sub.kind },
            verbs: sub.verbs,
          })),
        })),
        freshness: 'Current',
      })),
    })),
  };
}
