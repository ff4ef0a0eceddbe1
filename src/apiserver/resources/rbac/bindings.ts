import { equalValues } from '../../../api/semantic-equal.ts';
import type { ClusterRoleBinding, RoleBinding, RoleRef, Subject } from '../../../api/types/gen/rbac-v1.ts';
import { type FieldError, invalid, invalidFor, notSupported, required } from '../../../api/validation/field-error.ts';
import { dns1123Subdomain, pathSegmentName } from '../../../api/validation/names.ts';
import { AGE, column, columns, NAME } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';
import { RBAC_GROUP } from './roles.ts';

const COLUMNS = {
  definitions: [
    NAME,
    column('Role', { description: 'The role that is given.' }),
    AGE,
    ...columns(
      {
        Users: 'The users that it is given to.',
        Groups: 'The groups that it is given to.',
        ServiceAccounts: 'The service accounts that it is given to, with their namespaces.',
      },
      { wide: true },
    ),
  ],
  cells: (binding: RoleBinding | ClusterRoleBinding, now: number) => {
    const subjects = binding.subjects ?? [];
    const names = (kind: string): string =>
      subjects
        .filter(subject => subject.kind === kind)
        .map(subject => (kind === 'ServiceAccount' ? `${subject.namespace ?? ''}/${subject.name}` : subject.name))
        .join(', ');
    return [
      binding.metadata.name ?? '',
      `${binding.roleRef.kind}/${binding.roleRef.name}`,
      ageCell(binding, now),
      names('User'),
      names('Group'),
      names('ServiceAccount'),
    ];
  },
};

export const roleBindingStrategy = defineStrategy<RoleBinding>(
  { group: RBAC_GROUP, version: 'v1', plural: 'rolebindings' },
  {
    names: pathSegmentName,
    createOnUpdate: true,
    validate: binding => bindingErrors(binding, true),
    validateUpdate: (binding, old) => [...bindingErrors(binding, true), ...roleKept(binding.roleRef, old.roleRef)],
    columns: COLUMNS,
  },
);

export const clusterRoleBindingStrategy = defineStrategy<ClusterRoleBinding>(
  { group: RBAC_GROUP, version: 'v1', plural: 'clusterrolebindings' },
  {
    names: pathSegmentName,
    createOnUpdate: true,
    validate: binding => bindingErrors(binding, false),
    validateUpdate: (binding, old) => [...bindingErrors(binding, false), ...roleKept(binding.roleRef, old.roleRef)],
    columns: COLUMNS,
  },
);

/** Whoever may change a binding may not by that give another role: it is made anew. */
function roleKept(role: RoleRef, old: RoleRef): FieldError[] {
  return equalValues(role, old) ? [] : [invalid('roleRef', role, 'cannot change roleRef')];
}

function bindingErrors(
  { roleRef, subjects = [] }: RoleBinding | ClusterRoleBinding,
  namespaced: boolean,
): FieldError[] {
  const kinds = namespaced ? ['Role', 'ClusterRole'] : ['ClusterRole'];
  const errors: FieldError[] = [];
  if (roleRef.apiGroup !== RBAC_GROUP) errors.push(notSupported('roleRef.apiGroup', roleRef.apiGroup, [RBAC_GROUP]));
  if (!kinds.includes(roleRef.kind)) errors.push(notSupported('roleRef.kind', roleRef.kind, kinds));
  if (roleRef.name === '') errors.push(required('roleRef.name'));
  else errors.push(...invalidFor('roleRef.name', roleRef.name, pathSegmentName(roleRef.name)));
  return [...errors, ...subjects.flatMap((subject, i) => subjectErrors(subject, namespaced, `subjects[${i}]`))];
}

function subjectErrors(subject: Subject, namespaced: boolean, path: string): FieldError[] {
  const { kind, name, apiGroup = '', namespace = '' } = subject;
  const errors: FieldError[] = name === '' ? [required(`${path}.name`)] : [];
  switch (kind) {
    case 'ServiceAccount':
      if (name !== '') errors.push(...invalidFor(`${path}.name`, name, dns1123Subdomain(name)));
      if (apiGroup !== '') errors.push(notSupported(`${path}.apiGroup`, apiGroup, ['']));
      // Inside a namespace upstream lets it be left out, and it means none.
      if (!namespaced && namespace === '') errors.push(required(`${path}.namespace`));
      break;
    case 'User':
    case 'Group':
      if (apiGroup !== RBAC_GROUP) errors.push(notSupported(`${path}.apiGroup`, apiGroup, [RBAC_GROUP]));
      break;
    default:
      errors.push(notSupported(`${path}.kind`, kind, ['ServiceAccount', 'User', 'Group']));
  }
  return errors;
}
