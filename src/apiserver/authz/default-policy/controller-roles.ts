import { type BindingRow, binding, READ, type RoleRow, role, rule } from './rows.ts';

/** One role per controller, each with what that controller needs, as Kubernetes v1.36 has them. */
export const CONTROLLER_ROLES: readonly RoleRow[] = [
  role('system:controller:attachdetach-controller', {}, [
    rule('list watch', 'core', 'persistentvolumeclaims persistentvolumes'),
    rule(READ, 'core', 'nodes'),
    rule('patch update', 'core', 'nodes/status'),
    rule('list watch', 'core', 'pods'),
    rule('create patch update', 'core events.k8s.io', 'events'),
    rule('create delete get list watch', 'storage.k8s.io', 'volumeattachments'),
    rule(READ, 'storage.k8s.io', 'csidrivers'),
    rule(READ, 'storage.k8s.io', 'csinodes'),
  ]),
  role('system:controller:certificate-controller', {}, [
    rule('delete get list watch', 'certificates.k8s.io', 'certificatesigningrequests'),
    rule('update', 'certificates.k8s.io', 'certificatesigningrequests/approval certificatesigningrequests/status'),
    rule('approve', 'certificates.k8s.io', 'signers', 'kubernetes.io/kube-apiserver-client-kubelet'),
    rule(
      'sign',
      'certificates.k8s.io',
      'signers',
      'kubernetes.io/kube-apiserver-client kubernetes.io/kube-apiserver-client-kubelet kubernetes.io/kubelet-serving kubernetes.io/legacy-unknown',
    ),
    rule('create', 'authorization.k8s.io', 'subjectaccessreviews'),
    rule('create patch update', 'core events.k8s.io', 'events'),
  ]),
  role('system:controller:clusterrole-aggregation-controller', {}, [
    rule('escalate get list patch update watch', 'rbac.authorization.k8s.io', 'clusterroles'),
  ]),
  role('system:controller:cronjob-controller', {}, [
    rule('get list update watch', 'batch', 'cronjobs'),
    rule('create delete get list patch update watch', 'batch', 'jobs'),
    rule('update', 'batch', 'cronjobs/status'),
    rule('update', 'batch', 'cronjobs/finalizers'),
    rule('delete list watch', 'core', 'pods'),
    rule('create patch update', 'core events.k8s.io', 'events'),
  ]),
  role('system:controller:daemon-set-controller', {}, [
    rule(READ, 'apps extensions', 'daemonsets'),
    rule('update', 'apps extensions', 'daemonsets/status'),
    rule('update', 'apps extensions', 'daemonsets/finalizers'),
    rule('list watch', 'core', 'nodes'),
    rule('create delete list patch watch', 'core', 'pods'),
    rule('create', 'core', 'pods/binding'),
    rule('create delete get list patch update watch', 'apps', 'controllerrevisions'),
    rule('create patch update', 'core events.k8s.io', 'events'),
  ]),
  role('system:controller:deployment-controller', {}, [
    rule('get list update watch', 'apps extensions', 'deployments'),
    rule('update', 'apps extensions', 'deployments/status'),
    rule('update', 'apps extensions', 'deployments/finalizers'),
    rule('create delete get list patch update watch', 'apps extensions', 'replicasets'),
    rule('get list update watch', 'core', 'pods'),
    rule('create patch update', 'core events.k8s.io', 'events'),
  ]),
  role('system:controller:device-taint-eviction-controller', {}, [
    rule('delete get list watch', 'core', 'pods'),
    rule('patch update', 'core', 'pods/status'),
    rule(READ, 'resource.k8s.io', 'resourceclaims'),
    rule(READ, 'resource.k8s.io', 'resourceslices'),
    rule(READ, 'resource.k8s.io', 'deviceclasses'),
    rule('create patch update', 'core events.k8s.io', 'events'),
  ]),
  role('system:controller:disruption-controller', {}, [
    rule(READ, 'apps extensions', 'deployments'),
    rule(READ, 'apps extensions', 'replicasets'),
    rule(READ, 'core', 'replicationcontrollers'),
    rule(READ, 'policy', 'poddisruptionbudgets'),
    rule(READ, 'apps', 'statefulsets'),
    rule('update', 'policy', 'poddisruptionbudgets/status'),
    rule('patch update', 'core', 'pods/status'),
    rule('get', '*', '*/scale'),
    rule('create patch update', 'core events.k8s.io', 'events'),
  ]),
  role('system:controller:endpoint-controller', {}, [
    rule(READ, 'core', 'pods services'),
    rule('create delete get list update watch', 'core', 'endpoints'),
    rule('create', 'core', 'endpoints/restricted'),
    rule('create patch update', 'core events.k8s.io', 'events'),
  ]),
  role('system:controller:endpointslice-controller', {}, [
    rule(READ, 'core', 'nodes pods services'),
    rule('update', 'core', 'services/finalizers'),
    rule('create delete get list update watch', 'discovery.k8s.io', 'endpointslices'),
    rule('create patch update', 'core events.k8s.io', 'events'),
  ]),
  role('system:controller:endpointslicemirroring-controller', {}, [
    rule(READ, 'core', 'endpoints services'),
    rule('update', 'core', 'services/finalizers'),
    rule('update', 'core', 'endpoints/finalizers'),
    rule('create delete get list update watch', 'discovery.k8s.io', 'endpointslices'),
    rule('create patch update', 'core events.k8s.io', 'events'),
  ]),
  role('system:controller:ephemeral-volume-controller', {}, [
    rule(READ, 'core', 'pods'),
    rule('update', 'core', 'pods/finalizers'),
    rule('create get list watch', 'core', 'persistentvolumeclaims'),
    rule('create patch update', 'core events.k8s.io', 'events'),
  ]),
  role('system:controller:expand-controller', {}, [
    rule('get list patch update watch', 'core', 'persistentvolumes'),
    rule('patch update', 'core', 'persistentvolumeclaims/status'),
    rule(READ, 'core', 'persistentvolumeclaims'),
    rule('create patch update', 'core events.k8s.io', 'events'),
  ]),
  role('system:controller:generic-garbage-collector', {}, [
    rule('delete get list patch update watch', '*', '*'),
    rule('create patch update', 'core events.k8s.io', 'events'),
  ]),
  role('system:controller:horizontal-pod-autoscaler', {}, [
    rule(READ, 'autoscaling', 'horizontalpodautoscalers'),
    rule('update', 'autoscaling', 'horizontalpodautoscalers/status'),
    rule('get update', '*', '*/scale'),
    rule('list watch', 'core', 'pods'),
    rule('list watch', 'metrics.k8s.io', 'pods'),
    rule(READ, 'custom.metrics.k8s.io', '*'),
    rule(READ, 'external.metrics.k8s.io', '*'),
    rule('create patch update', 'core events.k8s.io', 'events'),
  ]),
  role('system:controller:job-controller', {}, [
    rule('get list patch update watch', 'batch', 'jobs'),
    rule('update', 'batch', 'jobs/status'),
    rule('update', 'batch', 'jobs/finalizers'),
    rule('create delete list patch watch', 'core', 'pods'),
    rule('create patch update', 'core events.k8s.io', 'events'),
  ]),
  role('system:controller:legacy-service-account-token-cleaner', {}, [
    rule('get', 'core', 'configmaps', 'kube-apiserver-legacy-service-account-token-tracking'),
    rule('delete patch', 'core', 'secrets'),
  ]),
  role('system:controller:namespace-controller', {}, [
    rule('delete get list watch', 'core', 'namespaces'),
    rule('update', 'core', 'namespaces/finalize namespaces/status'),
    rule('delete deletecollection get list watch', '*', '*'),
  ]),
  role('system:controller:node-controller', {}, [
    rule('delete get list patch update watch', 'core', 'nodes'),
    rule('patch update', 'core', 'nodes/status'),
    rule('patch update', 'core', 'pods/status'),
    rule('delete get list watch', 'core', 'pods'),
    rule('create patch update', 'core events.k8s.io', 'events'),
  ]),
  role('system:controller:persistent-volume-binder', {}, [
    rule('create delete get list update watch', 'core', 'persistentvolumes'),
    rule('update', 'core', 'persistentvolumes/status'),
    rule('get list update watch', 'core', 'persistentvolumeclaims'),
    rule('update', 'core', 'persistentvolumeclaims/status'),
    rule('create delete get list watch', 'core', 'pods'),
    rule(READ, 'storage.k8s.io', 'storageclasses'),
    rule('list watch', 'core', 'nodes'),
    rule('create patch update', 'core events.k8s.io', 'events'),
    rule('watch', 'core', 'events'),
  ]),
  role('system:controller:pod-garbage-collector', {}, [
    rule('delete list watch', 'core', 'pods'),
    rule(READ, 'core', 'nodes'),
    rule('patch', 'core', 'pods/status'),
  ]),
  role('system:controller:pv-protection-controller', {}, [
    rule('get list update watch', 'core', 'persistentvolumes'),
    rule('create patch update', 'core events.k8s.io', 'events'),
  ]),
  role('system:controller:pvc-protection-controller', {}, [
    rule('get list update watch', 'core', 'persistentvolumeclaims'),
    rule('update', 'core', 'persistentvolumeclaims/status'),
    rule(READ, 'core', 'pods'),
    rule('create patch update', 'core events.k8s.io', 'events'),
  ]),
  role('system:controller:replicaset-controller', {}, [
    rule('get list update watch', 'apps extensions', 'replicasets'),
    rule('update', 'apps extensions', 'replicasets/status'),
    rule('update', 'apps extensions', 'replicasets/finalizers'),
    rule('create delete list patch watch', 'core', 'pods'),
    rule('create patch update', 'core events.k8s.io', 'events'),
  ]),
  role('system:controller:replication-controller', {}, [
    rule('get list update watch', 'core', 'replicationcontrollers'),
    rule('update', 'core', 'replicationcontrollers/status'),
    rule('update', 'core', 'replicationcontrollers/finalizers'),
    rule('create delete list patch watch', 'core', 'pods'),
    rule('create patch update', 'core events.k8s.io', 'events'),
  ]),
  role('system:controller:resource-claim-controller', {}, [
    rule(READ, 'core', 'pods'),
    rule('update', 'core', 'pods/finalizers'),
    rule('create delete get list watch', 'resource.k8s.io', 'resourceclaims'),
    rule('patch update', 'resource.k8s.io', 'resourceclaims resourceclaims/status'),
    rule('patch update', 'core', 'pods/status'),
    rule('create patch update', 'core events.k8s.io', 'events'),
    rule('patch update', 'resource.k8s.io', 'resourceclaims/binding'),
  ]),
  role('system:controller:resourcequota-controller', {}, [
    rule('list watch', '*', '*'),
    rule('update', 'core', 'resourcequotas/status'),
    rule('create patch update', 'core events.k8s.io', 'events'),
  ]),
  role('system:controller:root-ca-cert-publisher', {}, [
    rule('create update', 'core', 'configmaps'),
    rule('create patch update', 'core events.k8s.io', 'events'),
  ]),
  role('system:controller:route-controller', {}, [
    rule('list watch', 'core', 'nodes'),
    rule('patch', 'core', 'nodes/status'),
    rule('create patch update', 'core events.k8s.io', 'events'),
  ]),
  role('system:controller:selinux-warning-controller', {}, [
    rule('create patch update', 'core events.k8s.io', 'events'),
    rule(READ, 'core', 'persistentvolumes'),
    rule(READ, 'core', 'persistentvolumeclaims'),
    rule(READ, 'core', 'pods'),
    rule(READ, 'storage.k8s.io', 'csidrivers'),
  ]),
  role('system:controller:service-account-controller', {}, [
    rule('create', 'core', 'serviceaccounts'),
    rule('create patch update', 'core events.k8s.io', 'events'),
  ]),
  role('system:controller:service-cidrs-controller', {}, [
    rule('get list patch update watch', 'networking.k8s.io', 'servicecidrs'),
    rule('patch update', 'networking.k8s.io', 'servicecidrs/finalizers'),
    rule('patch update', 'networking.k8s.io', 'servicecidrs/status'),
    rule(READ, 'networking.k8s.io', 'ipaddresses'),
    rule('create patch update', 'core events.k8s.io', 'events'),
  ]),
  role('system:controller:service-controller', {}, [
    rule(READ, 'core', 'services'),
    rule('patch update', 'core', 'services/status'),
    rule('list watch', 'core', 'nodes'),
    rule('create patch update', 'core events.k8s.io', 'events'),
  ]),
  role('system:controller:statefulset-controller', {}, [
    rule('list watch', 'core', 'pods'),
    rule(READ, 'apps', 'statefulsets'),
    rule('update', 'apps', 'statefulsets/status'),
    rule('update', 'apps', 'statefulsets/finalizers'),
    rule('create delete get patch update', 'core', 'pods'),
    rule('create delete get list patch update watch', 'apps', 'controllerrevisions'),
    rule('create get list watch', 'core', 'persistentvolumeclaims'),
    rule('delete update', 'core', 'persistentvolumeclaims'),
    rule('update', 'core', 'pods/finalizers'),
    rule('create patch update', 'core events.k8s.io', 'events'),
  ]),
  role('system:controller:ttl-after-finished-controller', {}, [
    rule('delete get list watch', 'batch', 'jobs'),
    rule('create patch update', 'core events.k8s.io', 'events'),
  ]),
  role('system:controller:ttl-controller', {}, [
    rule('list patch update watch', 'core', 'nodes'),
    rule('create patch update', 'core events.k8s.io', 'events'),
  ]),
  role('system:controller:validatingadmissionpolicy-status-controller', {}, [
    rule(READ, 'admissionregistration.k8s.io', 'validatingadmissionpolicies'),
    rule('get patch update', 'admissionregistration.k8s.io', 'validatingadmissionpolicies/status'),
    rule('create patch update', 'core events.k8s.io', 'events'),
  ]),
  role('system:controller:volumeattributesclass-protection-controller', {}, [
    rule(READ, 'core', 'persistentvolumeclaims'),
    rule(READ, 'core', 'persistentvolumes'),
    rule('get list update watch', 'storage.k8s.io', 'volumeattributesclasses'),
    rule('create patch update', 'core events.k8s.io', 'events'),
  ]),
];

/** Every controller runs as a service account of its own. */
export const CONTROLLER_ROLE_BINDINGS: readonly BindingRow[] = [
  binding('system:controller:attachdetach-controller', {}, 'ClusterRole system:controller:attachdetach-controller', [
    'ServiceAccount kube-system/attachdetach-controller',
  ]),
  binding('system:controller:certificate-controller', {}, 'ClusterRole system:controller:certificate-controller', [
    'ServiceAccount kube-system/certificate-controller',
  ]),
  binding(
    'system:controller:clusterrole-aggregation-controller',
    {},
    'ClusterRole system:controller:clusterrole-aggregation-controller',
    ['ServiceAccount kube-system/clusterrole-aggregation-controller'],
  ),
  binding('system:controller:cronjob-controller', {}, 'ClusterRole system:controller:cronjob-controller', [
    'ServiceAccount kube-system/cronjob-controller',
  ]),
  binding('system:controller:daemon-set-controller', {}, 'ClusterRole system:controller:daemon-set-controller', [
    'ServiceAccount kube-system/daemon-set-controller',
  ]),
  binding('system:controller:deployment-controller', {}, 'ClusterRole system:controller:deployment-controller', [
    'ServiceAccount kube-system/deployment-controller',
  ]),
  binding(
    'system:controller:device-taint-eviction-controller',
    {},
    'ClusterRole system:controller:device-taint-eviction-controller',
    ['ServiceAccount kube-system/device-taint-eviction-controller'],
  ),
  binding('system:controller:disruption-controller', {}, 'ClusterRole system:controller:disruption-controller', [
    'ServiceAccount kube-system/disruption-controller',
  ]),
  binding('system:controller:endpoint-controller', {}, 'ClusterRole system:controller:endpoint-controller', [
    'ServiceAccount kube-system/endpoint-controller',
  ]),
  binding('system:controller:endpointslice-controller', {}, 'ClusterRole system:controller:endpointslice-controller', [
    'ServiceAccount kube-system/endpointslice-controller',
  ]),
  binding(
    'system:controller:endpointslicemirroring-controller',
    {},
    'ClusterRole system:controller:endpointslicemirroring-controller',
    ['ServiceAccount kube-system/endpointslicemirroring-controller'],
  ),
  binding(
    'system:controller:ephemeral-volume-controller',
    {},
    'ClusterRole system:controller:ephemeral-volume-controller',
    ['ServiceAccount kube-system/ephemeral-volume-controller'],
  ),
  binding('system:controller:expand-controller', {}, 'ClusterRole system:controller:expand-controller', [
    'ServiceAccount kube-system/expand-controller',
  ]),
  binding(
    'system:controller:generic-garbage-collector',
    {},
    'ClusterRole system:controller:generic-garbage-collector',
    ['ServiceAccount kube-system/generic-garbage-collector'],
  ),
  binding(
    'system:controller:horizontal-pod-autoscaler',
    {},
    'ClusterRole system:controller:horizontal-pod-autoscaler',
    ['ServiceAccount kube-system/horizontal-pod-autoscaler'],
  ),
  binding('system:controller:job-controller', {}, 'ClusterRole system:controller:job-controller', [
    'ServiceAccount kube-system/job-controller',
  ]),
  binding(
    'system:controller:legacy-service-account-token-cleaner',
    {},
    'ClusterRole system:controller:legacy-service-account-token-cleaner',
    ['ServiceAccount kube-system/legacy-service-account-token-cleaner'],
  ),
  binding('system:controller:namespace-controller', {}, 'ClusterRole system:controller:namespace-controller', [
    'ServiceAccount kube-system/namespace-controller',
  ]),
  binding('system:controller:node-controller', {}, 'ClusterRole system:controller:node-controller', [
    'ServiceAccount kube-system/node-controller',
  ]),
  binding('system:controller:persistent-volume-binder', {}, 'ClusterRole system:controller:persistent-volume-binder', [
    'ServiceAccount kube-system/persistent-volume-binder',
  ]),
  binding('system:controller:pod-garbage-collector', {}, 'ClusterRole system:controller:pod-garbage-collector', [
    'ServiceAccount kube-system/pod-garbage-collector',
  ]),
  binding('system:controller:pv-protection-controller', {}, 'ClusterRole system:controller:pv-protection-controller', [
    'ServiceAccount kube-system/pv-protection-controller',
  ]),
  binding(
    'system:controller:pvc-protection-controller',
    {},
    'ClusterRole system:controller:pvc-protection-controller',
    ['ServiceAccount kube-system/pvc-protection-controller'],
  ),
  binding('system:controller:replicaset-controller', {}, 'ClusterRole system:controller:replicaset-controller', [
    'ServiceAccount kube-system/replicaset-controller',
  ]),
  binding('system:controller:replication-controller', {}, 'ClusterRole system:controller:replication-controller', [
    'ServiceAccount kube-system/replication-controller',
  ]),
  binding(
    'system:controller:resource-claim-controller',
    {},
    'ClusterRole system:controller:resource-claim-controller',
    ['ServiceAccount kube-system/resource-claim-controller'],
  ),
  binding('system:controller:resourcequota-controller', {}, 'ClusterRole system:controller:resourcequota-controller', [
    'ServiceAccount kube-system/resourcequota-controller',
  ]),
  binding('system:controller:root-ca-cert-publisher', {}, 'ClusterRole system:controller:root-ca-cert-publisher', [
    'ServiceAccount kube-system/root-ca-cert-publisher',
  ]),
  binding('system:controller:route-controller', {}, 'ClusterRole system:controller:route-controller', [
    'ServiceAccount kube-system/route-controller',
  ]),
  binding(
    'system:controller:selinux-warning-controller',
    {},
    'ClusterRole system:controller:selinux-warning-controller',
    ['ServiceAccount kube-system/selinux-warning-controller'],
  ),
  binding(
    'system:controller:service-account-controller',
    {},
    'ClusterRole system:controller:service-account-controller',
    ['ServiceAccount kube-system/service-account-controller'],
  ),
  binding('system:controller:service-cidrs-controller', {}, 'ClusterRole system:controller:service-cidrs-controller', [
    'ServiceAccount kube-system/service-cidrs-controller',
  ]),
  binding('system:controller:service-controller', {}, 'ClusterRole system:controller:service-controller', [
    'ServiceAccount kube-system/service-controller',
  ]),
  binding('system:controller:statefulset-controller', {}, 'ClusterRole system:controller:statefulset-controller', [
    'ServiceAccount kube-system/statefulset-controller',
  ]),
  binding(
    'system:controller:ttl-after-finished-controller',
    {},
    'ClusterRole system:controller:ttl-after-finished-controller',
    ['ServiceAccount kube-system/ttl-after-finished-controller'],
  ),
  binding('system:controller:ttl-controller', {}, 'ClusterRole system:controller:ttl-controller', [
    'ServiceAccount kube-system/ttl-controller',
  ]),
  binding(
    'system:controller:validatingadmissionpolicy-status-controller',
    {},
    'ClusterRole system:controller:validatingadmissionpolicy-status-controller',
    ['ServiceAccount kube-system/validatingadmissionpolicy-status-controller'],
  ),
  binding(
    'system:controller:volumeattributesclass-protection-controller',
    {},
    'ClusterRole system:controller:volumeattributesclass-protection-controller',
    ['ServiceAccount kube-system/volumeattributesclass-protection-controller'],
  ),
];
