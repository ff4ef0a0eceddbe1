import type { Node } from '../../api/types/gen/core-v1.ts';
import { unavailable } from '../../base/errors.ts';
import { ApiConnection } from '../../client/connection.ts';
import type { ApiEndpoint } from '../../client/kubeconfig.ts';
import { ResourceClient } from '../../client/resource-client.ts';
import { answerOf } from './answer.ts';
import type { Answer, ApiServerFacts, NodeObjectFacts } from './facts.ts';
import { readHealth } from './health.ts';

const USER_AGENT = 'gantry-status';

/** Asks the API server whether it is ready, for its version, and for the Node of this machine, over one connection. */
export async function askCluster(
  endpoint: ApiEndpoint,
  nodeName: string,
  signal: AbortSignal,
): Promise<{ readonly apiServer: Answer<ApiServerFacts>; readonly node: Answer<NodeObjectFacts> }> {
  const connection = new ApiConnection(endpoint, { userAgent: USER_AGENT });
  try {
    const [apiServer, node] = await Promise.all([
      answerOf('the API server', signal, within => askApiServer(connection, within)),
      answerOf(`the Node ${nodeName}`, signal, within => askNode(connection, nodeName, within)),
    ]);
    return { apiServer, node };
  } finally {
    connection.close();
  }
}

async function askApiServer(connection: ApiConnection, signal: AbortSignal): Promise<ApiServerFacts> {
  const get = (path: string) => connection.call({ method: 'GET', path, signal });
  const [ready, version] = await Promise.all([get('/readyz?verbose'), get('/version').catch(() => undefined)]);
  const text = ready.body.toString('utf8');
  // credentials that it does not take are no word of its health
  if (ready.status === 401) throw unavailable('it does not take the credentials of this machine (401 Unauthorized)');
  return {
    ...readHealth(ready.status === 200, text),
    server: connection.endpoint.server,
    version: version?.status === 200 ? versionIn(version.body) : undefined,
  };
}

function versionIn(body: Buffer): string | undefined {
  const { gitVersion } = JSON.parse(body.toString('utf8')) as { readonly gitVersion?: unknown };
  return typeof gitVersion === 'string' ? gitVersion : undefined;
}

async function askNode(connection: ApiConnection, name: string, signal: AbortSignal): Promise<NodeObjectFacts> {
  const nodes = new ResourceClient<Node>(connection, { group: '', version: 'v1', plural: 'nodes' });
  return nodeObjectFacts(await nodes.get('', name, signal));
}

/** What counts of a Node. Pure. */
export function nodeObjectFacts({ spec, status }: Pick<Node, 'spec' | 'status'>): NodeObjectFacts {
  return {
    conditions: (status?.conditions ?? []).map(condition => ({
      type: condition.type,
      status: condition.status,
      reason: condition.reason ?? '',
      message: condition.message ?? '',
      since: condition.lastTransitionTime ?? undefined,
    })),
    unschedulable: spec?.unschedulable === true,
    taints: (spec?.taints ?? []).map(({ key, value, effect }) =>
      value === undefined || value === '' ? `${key}:${effect}` : `${key}=${value}:${effect}`,
    ),
    kubeletVersion: status?.nodeInfo?.kubeletVersion,
  };
}
