import { type BindingRow, binding, READ, type RoleRow, role, rule } from './rows.ts';

/** Roles inside the system namespaces. */
export const NAMESPACE_ROLES: readonly RoleRow[] = [
  role('system:controller:bootstrap-signer', { namespace: 'kube-public' }, [
    rule(READ, 'core', 'configmaps'),
    rule('update', 'core', 'configmaps', 'cluster-info'),
    rule('create patch update', 'core events.k8s.io', 'events'),
  ]),
  role('extension-apiserver-authentication-reader', { namespace: 'kube-system' }, [
    rule(READ, 'core', 'configmaps', 'extension-apiserver-authentication'),
  ]),
  role('system::leader-locking-kube-controller-manager', { namespace: 'kube-system' }, [
    rule('create get list update watch', 'coordination.k8s.io', 'leases'),
    rule('create get list update watch', 'coordination.k8s.io', 'leasecandidates'),
  ]),
  role('system::leader-locking-kube-scheduler', { namespace: 'kube-system' }, [
    rule('create get list update watch', 'coordination.k8s.io', 'leases'),
    rule('create get list update watch', 'coordination.k8s.io', 'leasecandidates'),
  ]),
  role('system:controller:bootstrap-signer', { namespace: 'kube-system' }, [rule(READ, 'core', 'secrets')]),
  role('system:controller:cloud-provider', { namespace: 'kube-system' }, [
    rule('create get list watch', 'core', 'configmaps'),
  ]),
  role('system:controller:token-cleaner', { namespace: 'kube-system' }, [
    rule('delete get list watch', 'core', 'secrets'),
    rule('create patch update', 'core events.k8s.io', 'events'),
  ]),
];

/** Who has them. */
export const NAMESPACE_ROLE_BINDINGS: readonly BindingRow[] = [
  binding(
    'system:controller:bootstrap-signer',
    { namespace: 'kube-public' },
    'Role system:controller:bootstrap-signer',
    ['ServiceAccount kube-system/bootstrap-signer'],
  ),
  binding(
    'system::extension-apiserver-authentication-reader',
    { namespace: 'kube-system' },
    'Role extension-apiserver-authentication-reader',
    ['User system:kube-controller-manager', 'User system:kube-scheduler'],
  ),
  binding(
    'system::leader-locking-kube-controller-manager',
    { namespace: 'kube-system' },
    'Role system::leader-locking-kube-controller-manager',
    [
      'User system:kube-controller-manager',
      'ServiceAccount kube-system/kube-controller-manager',
      'ServiceAccount kube-system/leader-election-controller',
    ],
  ),
  binding(
    'system::leader-locking-kube-scheduler',
    { namespace: 'kube-system' },
    'Role system::leader-locking-kube-scheduler',
    ['User system:kube-scheduler', 'ServiceAccount kube-system/kube-scheduler'],
  ),
  binding(
    'system:controller:bootstrap-signer',
    { namespace: 'kube-system' },
    'Role system:controller:bootstrap-signer',
    ['ServiceAccount kube-system/bootstrap-signer'],
  ),
  binding('system:controller:cloud-provider', { namespace: 'kube-system' }, 'Role system:controller:cloud-provider', [
    'ServiceAccount kube-system/cloud-provider',
  ]),
  binding('system:controller:token-cleaner', { namespace: 'kube-system' }, 'Role system:controller:token-cleaner', [
    'ServiceAccount kube-system/token-cleaner',
  ]),
];
