import { describe, expect, it } from 'vitest';
import { findResource } from '../../../../src/api/schema/resources/registry.ts';
import type { ApiResource } from '../../../../src/api/schema/resources/resource.ts';
import {
  aggregatedDiscovery,
  apiGroupList,
  apiResourceList,
  discoveryPaths,
} from '../../../../src/apiserver/discovery/documents.ts';
import { servedGroups } from '../../../../src/apiserver/discovery/groups.ts';

const rows = [
  findResource('', 'v1', 'pods'),
  findResource('apps', 'v1', 'deployments'),
  findResource('autoscaling', 'v2', 'horizontalpodautoscalers'),
  findResource('autoscaling', 'v1', 'horizontalpodautoscalers'),
].filter((row): row is ApiResource => row !== undefined);
const groups = servedGroups(rows);

describe('the documents of discovery', () => {
  it('list named groups, the preferred version first', () => {
    expect(apiGroupList(groups)).toMatchObject({
      groups: [
        { name: 'apps' },
        { name: 'autoscaling', preferredVersion: { version: 'v2' }, versions: [{ version: 'v2' }, { version: 'v1' }] },
      ],
    });
  });

  it('say of a scale that it is a kind of another group', () => {
    const served = groups.find(each => each.group === 'apps')?.versions[0];
    expect(apiResourceList('apps', served ?? { version: '', resources: [] })).toMatchObject({
      groupVersion: 'apps/v1',
      resources: [
        { name: 'deployments', shortNames: ['deploy'], categories: ['all'], namespaced: true },
        { name: 'deployments/scale', group: 'autoscaling', version: 'v1', kind: 'Scale' },
        { name: 'deployments/status', kind: 'Deployment' },
      ],
    });
  });

  it('are found from the index', () => {
    expect(discoveryPaths(groups)).toEqual([
      '/api',
      '/apis',
      '/api/v1',
      '/apis/apps',
      '/apis/apps/v1',
      '/apis/autoscaling',
      '/apis/autoscaling/v2',
      '/apis/autoscaling/v1',
    ]);
  });

  it('name the streams to kubelets and what is proxied', () => {
    const text = JSON.stringify(aggregatedDiscovery(groups));
    for (const name of ['exec', 'attach', 'portforward', 'proxy', 'log', 'eviction'])
      expect(text).toContain(`"${name}"`);
  });
});
