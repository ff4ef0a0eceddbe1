import type { ConfigMap, Secret } from '../../api/types/gen/core-v1.ts';
import { isNotFound } from '../../base/errors.ts';
import { SETTLED, waitFor } from '../../base/outcome.ts';
import type { ControllerRow } from '../controller.ts';
import { CONFIG_MAPS, SECRETS } from '../resources.ts';
import { CLUSTER_INFO, TOKEN_NAMESPACE, TOKEN_TYPE, wantedSignatures } from './plan.ts';

/** Signs cluster-info with each bootstrap token that may: who joins by one sees that the CA there is that of the cluster. */
export const bootstrapSignerController: ControllerRow = {
  name: 'bootstrap-signer-controller',
  alias: 'bootstrapsigner',
  isOffByDefault: true,
  inputs: [CONFIG_MAPS, SECRETS],
  outputs: [CONFIG_MAPS],
  workers: 1,
  make({ informed, client, enqueue, clock }) {
    const { namespace, name } = CLUSTER_INFO;
    const maps = informed<ConfigMap>(CONFIG_MAPS, { namespace, fieldSelector: `metadata.name=${name}` });
    const tokens = informed<Secret>(SECRETS, { namespace: TOKEN_NAMESPACE, fieldSelector: `type=${TOKEN_TYPE}` });
    const writer = client<ConfigMap>(CONFIG_MAPS);
    const look = (): void => enqueue(`${namespace}/${name}`);
    maps.onChange(look);
    tokens.onChange(look);
    return {
      name: this.name,
      async reconcile(key, signal) {
        const found = maps.store.getByKey(key);
        if (found === undefined) return SETTLED;
        const { map, until } = wantedSignatures(found, tokens.store.list(), clock.now());
        if (map !== undefined)
          try {
            await writer.update(map, signal);
          } catch (error) {
            if (!isNotFound(error)) throw error;
          }
        return until === undefined ? SETTLED : waitFor(until - clock.now(), 'a token ends then');
      },
    };
  },
};
