import type { Namespace, ServiceAccount } from '../../api/types/gen/core-v1.ts';
import { isAlreadyExists } from '../../base/errors.ts';
import { SETTLED } from '../../base/outcome.ts';
import type { ControllerRow } from '../controller.ts';
import { NAMESPACES, SERVICE_ACCOUNTS } from '../resources.ts';

const DEFAULT_NAME = 'default';

/** Every active namespace has a service account `default`, also after somebody deleted it: pods that name none run as it. */
export const serviceAccountController: ControllerRow = {
  name: 'serviceaccount-controller',
  inputs: [NAMESPACES, SERVICE_ACCOUNTS],
  outputs: [SERVICE_ACCOUNTS],
  workers: 5,
  make({ informed, client, enqueue }) {
    const namespaces = informed<Namespace>(NAMESPACES);
    const accounts = informed<ServiceAccount>(SERVICE_ACCOUNTS, { fieldSelector: `metadata.name=${DEFAULT_NAME}` });
    const writer = client<ServiceAccount>(SERVICE_ACCOUNTS);
    namespaces.onChange(({ after }) => {
      if (after !== undefined) enqueue(after.metadata.name ?? '');
    });
    accounts.onChange(({ before, after }) => {
      if (after === undefined) enqueue(before?.metadata.namespace ?? '');
    });
    return {
      name: this.name,
      async reconcile(namespace, signal) {
        if (namespaces.store.get('', namespace)?.status.phase !== 'Active') return SETTLED;
        if (accounts.store.get(namespace, DEFAULT_NAME) !== undefined) return SETTLED;
        try {
          await writer.create({ metadata: { namespace, name: DEFAULT_NAME } }, signal);
        } catch (error) {
          if (!isAlreadyExists(error)) throw error;
        }
        return SETTLED;
      },
    };
  },
};
