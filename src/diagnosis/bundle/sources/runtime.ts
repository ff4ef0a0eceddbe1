import { errorCode, errorMessage } from '../../../base/errors.ts';
import { createCriClient } from '../../../rpc/cri-client.ts';
import type { BundleItem, BundleSource } from '../item.ts';

const CALL_MS = 8000;

/** What the runtime has: its state, pods, containers, images. */
export function runtimeState(endpoint: string): BundleSource {
  return {
    what: 'the state of the runtime',
    timeoutMs: 40_000,
    async *items(signal) {
      const client = createCriClient(endpoint, { requestTimeoutMs: CALL_MS });
      let late: string | undefined;
      const answer = async (name: string, ask: () => Promise<object>): Promise<BundleItem> => {
        const path = `runtime/${name}.json`;
        // one that stands still is waited for once
        if (late !== undefined) return { path, missing: `not asked for: ${late}` };
        try {
          return { path, document: await ask() };
        } catch (error) {
          signal.throwIfAborted();
          if (errorCode(error) === 'deadline-exceeded') late = errorMessage(error);
          return { path, missing: errorMessage(error) };
        }
      };
      try {
        yield await answer('version', () => client.version({ version: 'v1' }, { signal }));
        yield await answer('status', () => client.status({ verbose: false }, { signal }));
        yield await answer('pods', () => client.listPodSandbox({ filter: undefined }, { signal }));
        yield await answer('containers', () => client.listContainers({ filter: undefined }, { signal }));
        yield await answer('images', () => client.listImages({ filter: undefined }, { signal }));
        yield await answer('image-filesystems', () => client.imageFsInfo({}, { signal }));
      } finally {
        client.close();
      }
    },
  };
}
