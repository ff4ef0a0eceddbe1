import { groupPart, type Operation, rootOf, tagOf } from './operations.ts';

/** What tells clients what there is. */
export function discoveryOperations(groups: ReadonlyMap<string, readonly string[]>): Operation[] {
  const get = (path: string, id: string, description: string, answer: string, tag: string): Operation => ({
    path,
    method: 'get',
    id,
    description,
    action: undefined,
    kind: undefined,
    body: undefined,
    query: [],
    options: undefined,
    answer,
    codes: [200],
    watchable: false,
    pathParameters: [],
    tag,
    named: '',
  });
  const operations = [
    get('/api/', 'getCoreAPIVersions', 'get available API versions', 'meta/v1.APIVersions', 'core'),
    get('/apis/', 'getAPIVersions', 'get available API versions', 'meta/v1.APIGroupList', 'apis'),
    get('/version/', 'getCodeVersion', 'get the version information for this server', 'version', 'version'),
  ];
  for (const [group, versions] of groups) {
    if (group !== '')
      operations.push(
        get(
          `/apis/${group}/`,
          `get${groupPart(group)}APIGroup`,
          'get information of a group',
          'meta/v1.APIGroup',
          tagOf(group),
        ),
      );
    for (const version of versions)
      operations.push(
        get(
          `${rootOf(group, version)}/`,
          `get${groupPart(group, version)}APIResources`,
          'get available resources',
          'meta/v1.APIResourceList',
          tagOf(group, version),
        ),
      );
  }
  return operations;
}
