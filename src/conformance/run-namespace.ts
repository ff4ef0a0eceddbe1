import type { Namespace } from '../api/types/gen/core-v1.ts';
import { errorMessage, isNotFound } from '../base/errors.ts';
import { deadlineSignal } from '../base/signals.ts';
import type { ApiConnection } from '../client/connection.ts';
import { Informers } from '../client/informers.ts';
import { ResourceClient } from '../client/resource-client.ts';

const namespacesOf = (connection: ApiConnection): ResourceClient<Namespace> =>
  new ResourceClient<Namespace>(connection, { group: '', version: 'v1', plural: 'namespaces' });

/** Makes a namespace of a name of its own, in which pods may do what nodes have to be checked for. */
export async function makeNamespace(connection: ApiConnection, signal: AbortSignal): Promise<string> {
  const object = {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: {
      generateName: 'gantry-conformance-',
      labels: { 'pod-security.kubernetes.io/enforce': 'privileged' },
    },
  } as unknown as Namespace;
  return (await namespacesOf(connection).create(object, signal)).metadata.name ?? '';
}

/** Deletes the namespace with all that is in it and waits until it is gone. Throws with what is left after `ms`. */
export async function removeNamespace(connection: ApiConnection, name: string, ms: number): Promise<void> {
  const limit = deadlineSignal(ms, `namespace ${name} to be gone`);
  const informers = new Informers(connection, { onTrouble: () => {} });
  const seen = informers.of<Namespace>(
    { group: '', version: 'v1', plural: 'namespaces' },
    { fieldSelector: `metadata.name=${name}` },
  );
  const stop = new AbortController();
  let following: Promise<void> = Promise.resolve();
  try {
    await namespacesOf(connection).delete('', name, {}, limit.signal);
    await new Promise<void>((resolve, reject) => {
      const look = (): void => {
        if (seen.store.size === 0) resolve();
      };
      seen.onChange(look);
      limit.signal.addEventListener('abort', () => reject(limit.signal.reason), { once: true });
      following = informers.run(stop.signal, look);
    });
  } catch (error) {
    if (isNotFound(error)) return;
    const [left] = seen.store.list();
    const because = left?.status?.conditions?.map(({ message = '' }) => message).join('; ') ?? '';
    throw new Error(`namespace ${name} is not gone: ${errorMessage(error)}${because === '' ? '' : `; ${because}`}`);
  } finally {
    limit.release();
    stop.abort();
    await following;
  }
}
