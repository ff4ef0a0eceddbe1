import type { Service } from '../api/types/gen/core-v1.ts';
import { ResourceClient } from '../client/resource-client.ts';
import { DEFAULT_CLUSTER_NAME, DEFAULT_CLUSTERS_DIR, hostsDirOf, readClusterRecord } from '../local-cluster/record.ts';
import { serviceUrls } from '../local-cluster/service-url.ts';
import { clusterStatus, connectTo } from '../local-cluster/status.ts';

export interface ServiceFlags {
  readonly name?: string;
  readonly clustersDir?: string;
  readonly namespace: string;
  readonly url?: boolean;
}

/** `gantry service SERVICE`: where this machine reaches it. With --url the URLs alone. Returns the exit code. */
export async function serviceCommand(service: string, flags: ServiceFlags): Promise<number> {
  const clustersDir = flags.clustersDir ?? DEFAULT_CLUSTERS_DIR;
  const record = readClusterRecord(flags.name ?? DEFAULT_CLUSTER_NAME, clustersDir);
  const connection = connectTo(record, hostsDirOf(record.name, clustersDir));
  try {
    const services = new ResourceClient<Service>(connection, { group: '', version: 'v1', plural: 'services' });
    const found = await services.get(flags.namespace, service);
    const { notReady } = await clusterStatus(record, clustersDir);
    // any node answers; one that is not well may not
    const node = record.nodes.find(({ name }) => !notReady.includes(name)) ?? record.nodes[0];
    for (const { port, url } of serviceUrls(found, node?.address ?? ''))
      console.log(flags.url === true ? url : `${flags.namespace}/${service}\t${port}\t${url}`);
    return 0;
  } finally {
    connection.close();
  }
}
