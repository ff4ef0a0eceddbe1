import { describe, expect, it } from 'vitest';
import { CONTROLLER_ROLE_BINDINGS } from '../../../src/apiserver/authz/default-policy/controller-roles.ts';
import { NAMESPACE_ROLE_BINDINGS } from '../../../src/apiserver/authz/default-policy/namespace-roles.ts';
import { accountOf } from '../../../src/controllers/accounts.ts';
import { allControllers } from '../../../src/controllers/all.ts';

const bound = [...CONTROLLER_ROLE_BINDINGS, ...NAMESPACE_ROLE_BINDINGS].flatMap(({ subjects }) =>
  (subjects ?? []).filter(({ kind }) => kind === 'ServiceAccount').map(({ name }) => name),
);

describe('the account that a controller works as', () => {
  it.each(allControllers({ rootCa: 'ca' }).map(({ name }) => name))('has rules of its own: %s', name => {
    expect(bound).toContain(accountOf(name));
  });
});
