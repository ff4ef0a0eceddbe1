import type { Secret } from '../../api/types/gen/core-v1.ts';
import { isNotFound } from '../../base/errors.ts';
import { SETTLED, waitFor } from '../../base/outcome.ts';
import type { ControllerRow } from '../controller.ts';
import { SECRETS } from '../resources.ts';
import { endOfToken, TOKEN_NAMESPACE, TOKEN_TYPE } from './plan.ts';

/** Deletes bootstrap tokens when they are over. */
export const tokenCleanerController: ControllerRow = {
  name: 'token-cleaner-controller',
  alias: 'tokencleaner',
  isOffByDefault: true,
  inputs: [SECRETS],
  outputs: [SECRETS],
  workers: 1,
  make({ informed, client, enqueue, clock }) {
    const tokens = informed<Secret>(SECRETS, { namespace: TOKEN_NAMESPACE, fieldSelector: `type=${TOKEN_TYPE}` });
    const writer = client<Secret>(SECRETS);
    tokens.onChange(({ key, after }) => {
      if (after !== undefined) enqueue(key);
    });
    return {
      name: this.name,
      async reconcile(key, signal) {
        const secret = tokens.store.getByKey(key);
        const end = secret === undefined ? undefined : endOfToken(secret);
        if (secret === undefined || end === undefined) return SETTLED;
        const leftMs = end - clock.now();
        if (leftMs > 0) return waitFor(leftMs, 'the token is not over yet');
        const { namespace = '', name = '', uid } = secret.metadata;
        try {
          // a token that was made anew under the name is another
          await writer.delete(namespace, name, uid === undefined ? {} : { preconditions: { uid } }, signal);
        } catch (error) {
          if (!isNotFound(error)) throw error;
        }
        return SETTLED;
      },
    };
  },
};
