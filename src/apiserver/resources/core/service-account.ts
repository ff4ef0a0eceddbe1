import type { ServiceAccount } from '../../../api/types/gen/core-v1.ts';
import { AGE, NAME } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';

export const serviceAccountStrategy = defineStrategy<ServiceAccount>(
  { group: '', version: 'v1', plural: 'serviceaccounts' },
  {
    columns: {
      definitions: [NAME, AGE],
      cells: (account, now) => [account.metadata.name ?? '', ageCell(account, now)],
    },
  },
);
