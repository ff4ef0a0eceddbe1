import type { ControlPlanePart } from '../component-arguments.ts';
import { becauseOf, type FlagReasons } from './flag-reasons.ts';

/** Flags of upstream's three parts of the control plane, as of v1.36, that Gantry's have not, and that change what is asked for: those that mean nothing in one process are in ../component-arguments.ts. */

const OF_ALL: FlagReasons = {
  ...becauseOf('there are no gates', 'feature-gates', 'emulated-version', 'min-compatibility-version'),
  ...becauseOf(
    'all metrics are told',
    ...['allow-metric-labels', 'allow-metric-labels-manifest', 'disabled-metrics', 'show-hidden-metrics-for-version'],
  ),
};

const OF_API_SERVER: FlagReasons = {
  ...OF_ALL,
  ...becauseOf('there are no gates', 'emulation-forward-compatible', 'runtime-config-emulation-forward-compatible'),
  ...becauseOf(
    'there is no audit log',
    ...['audit-policy-file', 'audit-log-batch-buffer-size', 'audit-log-batch-max-size', 'audit-log-batch-max-wait'],
    ...['audit-log-batch-throttle-burst', 'audit-log-batch-throttle-enable', 'audit-log-batch-throttle-qps'],
    ...['audit-log-compress', 'audit-log-format', 'audit-log-maxage', 'audit-log-maxbackup', 'audit-log-maxsize'],
    ...['audit-log-mode', 'audit-log-path', 'audit-log-truncate-enabled', 'audit-log-truncate-max-batch-size'],
    ...['audit-log-truncate-max-event-size', 'audit-log-version', 'audit-webhook-batch-buffer-size'],
    ...['audit-webhook-batch-max-size', 'audit-webhook-batch-max-wait', 'audit-webhook-batch-throttle-burst'],
    ...['audit-webhook-batch-throttle-enable', 'audit-webhook-batch-throttle-qps', 'audit-webhook-config-file'],
    ...['audit-webhook-initial-backoff', 'audit-webhook-mode', 'audit-webhook-truncate-enabled'],
    ...['audit-webhook-truncate-max-batch-size', 'audit-webhook-truncate-max-event-size', 'audit-webhook-version'],
  ),
  ...becauseOf(
    'which admission there is is settled',
    ...['enable-admission-plugins', 'disable-admission-plugins', 'admission-control-config-file', 'admission-control'],
  ),
  ...becauseOf(
    'pods leave a Node that is away after 300 s',
    ...['default-not-ready-toleration-seconds', 'default-unreachable-toleration-seconds'],
  ),
  ...becauseOf(
    'Node and RBAC judge every request',
    ...['authorization-mode', 'authorization-config', 'authorization-policy-file', 'authorization-webhook-config-file'],
    ...['authorization-webhook-cache-authorized-ttl', 'authorization-webhook-cache-unauthorized-ttl'],
    'authorization-webhook-version',
  ),
  ...becauseOf(
    'nobody else is asked who somebody is',
    ...['oidc-ca-file', 'oidc-client-id', 'oidc-groups-claim', 'oidc-groups-prefix', 'oidc-issuer-url'],
    ...['oidc-required-claim', 'oidc-signing-algs', 'oidc-username-claim', 'oidc-username-prefix'],
    ...['authentication-config', 'authentication-token-webhook-cache-ttl', 'authentication-token-webhook-config-file'],
    ...['authentication-token-webhook-version', 'token-auth-file'],
  ),
  ...becauseOf(
    'who may log in is settled',
    ...['anonymous-auth', 'enable-bootstrap-token-auth', 'service-account-lookup'],
  ),
  ...becauseOf(
    'it encrypts nothing in etcd',
    ...['encryption-provider-config', 'encryption-provider-config-automatic-reload'],
  ),
  ...becauseOf(
    'there is no aggregation',
    ...['requestheader-allowed-names', 'requestheader-client-ca-file', 'requestheader-extra-headers-prefix'],
    ...['requestheader-group-headers', 'requestheader-uid-headers', 'requestheader-username-headers'],
    ...['proxy-client-cert-file', 'proxy-client-key-file', 'enable-aggregator-routing'],
    'aggregator-reject-forwarding-redirect',
  ),
  ...becauseOf(
    'what it serves, and in which form it is kept, is settled',
    ...['runtime-config', 'storage-backend', 'storage-media-type'],
  ),
  ...becauseOf(
    'how it serves TLS is settled',
    ...['tls-cipher-suites', 'tls-curve-preferences', 'tls-min-version', 'tls-sni-cert-key', 'cert-dir'],
    ...['http2-max-streams-per-connection', 'disable-http2-serving', 'strict-transport-security-directives'],
  ),
  ...becauseOf('nothing is traced', 'tracing-config-file'),
  ...becauseOf('nothing here serves profiles', 'debug-socket-path'),
  ...becauseOf('no API server asks another one', ...['peer-advertise-ip', 'peer-advertise-port', 'peer-ca-file']),
  ...becauseOf(
    'nobody leads by it',
    ...['coordinated-leadership-lease-duration', 'coordinated-leadership-renew-deadline'],
    'coordinated-leadership-retry-period',
  ),
  ...becauseOf('it signs tokens itself (service-account-signing-key-file)', 'service-account-signing-endpoint'),
  ...becauseOf(
    '',
    ...['enable-priority-and-fairness', 'goaway-chance', 'max-requests-inflight', 'max-mutating-requests-inflight'],
    ...['etcd-compaction-interval', 'etcd-count-metric-poll-period', 'etcd-db-metric-poll-interval', 'etcd-prefix'],
    ...[
      'etcd-healthcheck-timeout',
      'etcd-readycheck-timeout',
      'etcd-servers-overrides',
      'lease-reuse-duration-seconds',
    ],
    ...['storage-initialization-timeout', 'watch-cache', 'watch-cache-sizes', 'event-ttl', 'delete-collection-workers'],
    ...['request-timeout', 'min-request-timeout', 'max-connection-bytes-per-sec', 'kubelet-timeout'],
    ...['shutdown-delay-duration', 'shutdown-send-retry-after', 'shutdown-watch-termination-grace-period'],
    ...['livez-grace-period', 'endpoint-reconciler-type', 'kubernetes-service-node-port', 'enable-garbage-collector'],
    ...['enable-logs-handler', 'permit-address-sharing', 'permit-port-sharing', 'allow-privileged'],
    ...['cors-allowed-origins', 'egress-selector-config-file', 'external-hostname', 'service-account-jwks-uri'],
    ...['service-account-extend-token-expiration', 'service-account-max-token-expiration'],
  ),
};

const OF_CONTROLLER_MANAGER: FlagReasons = {
  ...OF_ALL,
  ...becauseOf(
    'how much is done at once is settled',
    ...['concurrent-cron-job-syncs', 'concurrent-daemonset-syncs', 'concurrent-deployment-syncs'],
    ...['concurrent-device-taint-eviction-syncs', 'concurrent-endpoint-syncs', 'concurrent-ephemeralvolume-syncs'],
    ...['concurrent-gc-syncs', 'concurrent-horizontal-pod-autoscaler-syncs', 'concurrent-job-syncs'],
    ...['concurrent-namespace-syncs', 'concurrent-rc-syncs', 'concurrent-replicaset-syncs'],
    ...['concurrent-resource-quota-syncs', 'concurrent-service-endpoint-syncs', 'concurrent-service-syncs'],
    ...['concurrent-serviceaccount-token-syncs', 'concurrent-statefulset-syncs', 'concurrent-ttl-after-finished-syncs'],
    ...['concurrent-validating-admission-policy-status-syncs', 'mirroring-concurrent-service-endpoint-syncs'],
    ...['endpoint-updates-batch-period', 'endpointslice-updates-batch-period', 'max-endpoints-per-slice'],
    ...['mirroring-endpointslice-updates-batch-period', 'mirroring-max-endpoints-per-subset'],
  ),
  ...becauseOf(
    'no cloud is asked for nodes',
    ...['cloud-config', 'cloud-provider', 'configure-cloud-routes', 'external-cloud-volume-plugin'],
    ...['route-reconciliation-period', 'cidr-allocator-type'],
  ),
  ...becauseOf(
    'one CA signs all: cluster-signing-cert-file and cluster-signing-key-file',
    ...['cluster-signing-kube-apiserver-client-cert-file', 'cluster-signing-kube-apiserver-client-key-file'],
    ...['cluster-signing-kubelet-client-cert-file', 'cluster-signing-kubelet-client-key-file'],
    ...['cluster-signing-kubelet-serving-cert-file', 'cluster-signing-kubelet-serving-key-file'],
    ...['cluster-signing-legacy-unknown-cert-file', 'cluster-signing-legacy-unknown-key-file'],
  ),
  ...becauseOf(
    'nothing is scaled by itself',
    ...['horizontal-pod-autoscaler-cpu-initialization-period', 'horizontal-pod-autoscaler-downscale-stabilization'],
    ...['horizontal-pod-autoscaler-initial-readiness-delay', 'horizontal-pod-autoscaler-sync-period'],
    'horizontal-pod-autoscaler-tolerance',
  ),
  ...becauseOf(
    'it makes no volumes',
    ...['attach-detach-reconcile-sync-period', 'disable-attach-detach-reconcile-sync'],
    ...['disable-force-detach-on-timeout', 'enable-dynamic-provisioning', 'enable-hostpath-provisioner'],
    ...['flex-volume-plugin-dir', 'pv-recycler-increment-timeout-nfs', 'pv-recycler-minimum-timeout-hostpath'],
    ...['pv-recycler-minimum-timeout-nfs', 'pv-recycler-pod-template-filepath-hostpath'],
    ...['pv-recycler-pod-template-filepath-nfs', 'pv-recycler-timeout-increment-hostpath'],
    'pvclaimbinder-sync-period',
  ),
  ...becauseOf(
    '',
    ...['cluster-name', 'enable-garbage-collector', 'min-resync-period', 'namespace-sync-period'],
    ...['resource-quota-sync-period', 'controller-start-interval', 'controller-shutdown-timeout'],
    'legacy-service-account-token-clean-up-period',
  ),
};

const OF_SCHEDULER: FlagReasons = {
  ...OF_ALL,
  ...becauseOf('there are no profiles of it', 'config', 'write-config-to'),
  ...becauseOf('', 'pod-max-in-unschedulable-pods-duration'),
};

/** What is missing of each part. */
export const MISSING_OF_PARTS: Readonly<Record<ControlPlanePart, FlagReasons>> = {
  apiServer: OF_API_SERVER,
  controllerManager: OF_CONTROLLER_MANAGER,
  scheduler: OF_SCHEDULER,
};
