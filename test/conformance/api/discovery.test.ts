import { expect, it } from 'vitest';
import type { APIGroup, APIGroupList } from '../../../src/api/types/gen/meta-v1.ts';
import { describeApi } from './cluster.ts';

describeApi('what a server says of itself', cluster => {
  it('[sig-api-machinery] server version should find the server version [Conformance]', async () => {
    const version = await cluster().admin.get<{ major: string; minor: string }>('/version');
    expect(version.major).toMatch(/^[1-9]\d*$/);
    expect(version.minor).toMatch(/^\d+$/);
  });

  it('[sig-api-machinery] Discovery should validate PreferredVersion for each APIGroup [Conformance]', async () => {
    const { groups } = await cluster().admin.get<APIGroupList>('/apis/');
    expect(groups.map(({ name }) => name)).toContain('apps');
    for (const listed of groups) {
      const group = await cluster().admin.get<APIGroup>(`/apis/${listed.name}/`);
      expect(group.versions).toEqual(listed.versions);
      expect(group.versions).toContainEqual(group.preferredVersion);
    }
  });

  it('[sig-api-machinery] Servers with support for Table transformation should return a 406 for a backend which does not implement metadata [Conformance]', async () => {
    const review = {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: { nonResourceAttributes: { path: '/', verb: 'get' } },
    };
    const answer = await cluster().admin.request('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
      body: review,
      accept: 'application/json;as=Table;v=v1;g=meta.k8s.io',
    });
    expect(answer.status).toBe(406);
    expect(JSON.parse(answer.text)).toMatchObject({ kind: 'Status', code: 406, reason: 'NotAcceptable' });
  });
});
