import type { Host } from '../../src/local-cluster/host/host.ts';
import { run } from './host.ts';

/** Where the rules of a node lead to from its node ports, `ADDRESS:PORT` sorted, each once, of one port of the endpoints. */
export async function nodePortEndpoints(host: Host, port: number): Promise<string[]> {
  const map = await run(host, ['nft', '--numeric', 'list', 'map', 'ip', 'gantry_proxy', 'node-port-endpoints']);
  const found = [...map.matchAll(/ : (\d+\.\d+\.\d+\.\d+) \. (\d+)/g)].map(([, address, to]) => `${address}:${to}`);
  return [...new Set(found)].filter(endpoint => endpoint.endsWith(`:${port}`)).toSorted();
}
