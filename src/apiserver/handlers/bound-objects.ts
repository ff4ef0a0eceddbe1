import type { BoundObject, BoundObjects } from '../authn/service-account-token.ts';
import { storageFault } from '../storage/errors.ts';
import type { ServedResource } from './served-resource.ts';

/** Reads the objects that tokens of service accounts are bound to, not older than the call; each undefined where there is none. Other errors of the storage are thrown as they are. */
export function boundObjects(resources: ReadonlyMap<string, ServedResource>): BoundObjects {
  const find = async (
    id: string,
    namespace: string,
    name: string,
    signal: AbortSignal,
  ): Promise<BoundObject | undefined> => {
    const served = resources.get(id);
    if (served === undefined || name === '') return undefined;
    try {
      return (await served.cache.get(served.key(namespace, name), { signal })).object;
    } catch (error) {
      if (storageFault(error) === 'not-found') return undefined;
      throw error;
    }
  };
  type Find = (namespace: string, name: string, signal: AbortSignal) => Promise<BoundObject | undefined>;
  const inNamespace =
    (id: string): Find =>
    (namespace, name, signal) =>
      find(id, namespace, name, signal);
  return {
    serviceAccount: inNamespace('/v1/serviceaccounts'),
    secret: inNamespace('/v1/secrets'),
    pod: inNamespace('/v1/pods'),
    node: (name: string, signal: AbortSignal) => find('/v1/nodes', '', name, signal),
  };
}
