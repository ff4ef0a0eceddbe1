import type { ServiceAccount } from '../../../api/types/gen/core-v1.ts';
import { AGE, NAME } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';

const MOUNTABLE_SECRETS = 'kubernetes.io/enforce-mountable-secrets';
const MOUNTABLE_WARNING = `metadata.annotations[${MOUNTABLE_SECRETS}]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets`;

export const serviceAccountStrategy = defineStrategy<ServiceAccount>(
  { group: '', version: 'v1', plural: 'serviceaccounts' },
  {
    prepareForCreate: withSecretNames,
    prepareForUpdate: withSecretNames,
    warnings: account => (limitsSecrets(account) ? [MOUNTABLE_WARNING] : []),
    warningsOnUpdate: (account, old) => (limitsSecrets(account) && !limitsSecrets(old) ? [MOUNTABLE_WARNING] : []),
    columns: {
      definitions: [NAME, AGE],
      cells: (account, now) => [account.metadata.name ?? '', ageCell(account, now)],
    },
  },
);

/** A secret of an account is named by its name alone. */
function withSecretNames(account: ServiceAccount): ServiceAccount {
  const { secrets } = account;
  return secrets === undefined ? account : { ...account, secrets: secrets.map(({ name }) => ({ name })) };
}

function limitsSecrets({ metadata }: ServiceAccount): boolean {
  return Object.hasOwn(metadata.annotations ?? {}, MOUNTABLE_SECRETS);
}
