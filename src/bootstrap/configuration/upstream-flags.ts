import { builtinTable } from '../../api/schema/builtin.ts';
import type { StructType } from '../../api/schema/table.ts';
import type { ControlPlanePart } from '../component-arguments.ts';

type Part = ControlPlanePart | 'kubelet';

/** Flags of upstream's part that Gantry's has not, by what they begin with or are, and what there is to say of them. */
type Missing = readonly (readonly [RegExp, string])[];

const NO_GATES: Missing = [
  [/^(feature-gates|emulated-version|emulation-forward-compatible|min-compatibility-version)$/, 'there are no gates'],
  [/^(allow-metric-labels(-manifest)?|disabled-metrics|show-hidden-metrics-for-version)$/, 'all metrics are told'],
];
const CIPHERS = 'how it serves TLS is settled';

const MISSING: Readonly<Record<Part, Missing>> = {
  kubelet: [
    ...NO_GATES,
    [
      /^(v|vmodule|logging-format|log-(flush-frequency|cadvisor-usage|(json|text)-.+))$/,
      'how much is logged, and how, is settled',
    ],
    // some of these are fields of its configuration, too, that change nothing here
    [/^((kube-api|event)-(qps|burst)|registry-(qps|burst)|read-only-port|tls-(cipher-suites|min-version))$/, ''],
    [/^((cpu|memory|topology)-manager-.+|reserved-(cpus|memory)|qos-reserved|(kube|system)-reserved-cgroup)$/, ''],
    [/^(kubelet-cgroups|system-cgroups|fail-cgroupv1|pods-per-core|max-open-files|hairpin-mode|provider-id)$/, ''],
    [/^eviction-(soft|soft-grace-period|minimum-reclaim|max-pod-grace-period)$/, ''],
    [/^((sync|http-check)-frequency|manifest-url(-header)?|streaming-connection-idle-timeout)$/, ''],
    [/^(iptables-(drop|masquerade)-bit|kernel-memcg-notification)$/, ''],
    [/^(protect-kernel-defaults|make-iptables-util-chains|volume-plugin-dir|contention-profiling)$/, ''],
    [
      /^(enable-controller-attach-detach|local-storage-capacity-isolation|oom-score-adj|pod-cidr|node-status-max-images)$/,
      '',
    ],
    [/^cloud-(config|provider)$/, 'no cloud is asked for nodes'],
    [/^pod-infra-container-image$/, 'the process that holds a pod is no image here'],
    [/^image-credential-provider-(bin-dir|config)$/, 'no program is asked for credentials of a registry'],
    [/^(runonce|keep-terminated-pod-volumes|lock-file|exit-on-lock-contention|runtime-cgroups)$/, ''],
    [/^(housekeeping-interval|(machine|boot)-id-file|storage-driver-.+|container-hints)$/, ''],
  ],
  apiServer: [
    ...NO_GATES,
    [/^audit-(log|policy|webhook)-/, 'there is no audit log'],
    [/^(enable|disable)-admission-plugins$|^admission-control-config-file$/, 'which admission there is is settled'],
    [/^authorization-(mode|config|policy-file|webhook-.+)$/, 'Node and RBAC judge every request'],
    [/^(oidc-.+|authentication-(config|token-webhook-.+)|token-auth-file)$/, 'nobody else is asked who somebody is'],
    [/^(anonymous-auth|enable-bootstrap-token-auth|service-account-lookup)$/, 'who may log in is settled'],
    [/^encryption-provider-config(-automatic-reload)?$/, 'it encrypts nothing in etcd'],
    [/^requestheader-|^proxy-client-(cert|key)-file$|^enable-aggregator-routing$/, 'there is no aggregation'],
    [/^(enable-priority-and-fairness|goaway-chance|max-(mutating-)?requests-inflight)$/, ''],
    [
      /^(runtime-config|storage-backend|storage-media-type)$/,
      'what it serves, and in which form it is kept, is settled',
    ],
    [/^etcd-(compaction-interval|count-metric-poll-period|db-metric-poll-interval|prefix|servers-overrides)$/, ''],
    [/^(watch-cache|watch-cache-sizes|default-watch-cache-size|event-ttl)$/, ''],
    [/^(min-)?request-timeout$|^shutdown-(delay-duration|send-retry-after)$|^endpoint-reconciler-type$/, ''],
    [/^tls-(cipher-suites|min-version|sni-cert-key)$|^http2-max-streams-per-connection$/, CIPHERS],
    [/^(allow-privileged|apiserver-count|cors-allowed-origins|egress-selector-config-file|external-hostname)$/, ''],
    [/^service-account-(extend-token-expiration|jwks-uri|max-token-expiration)$/, ''],
  ],
  controllerManager: [
    ...NO_GATES,
    [/^concurrent-.+-syncs$/, 'how much is done at once is settled'],
    [/^(cloud-(config|provider)|configure-cloud-routes|external-cloud-volume-plugin)$/, 'no cloud is asked for nodes'],
    [
      /^cluster-signing-(kube-apiserver-client|kubelet-client|kubelet-serving|legacy-unknown)-(cert|key)-file$/,
      'one CA signs all: cluster-signing-cert-file and cluster-signing-key-file',
    ],
    [/^horizontal-pod-autoscaler-/, 'nothing is scaled by itself'],
    [/^(attach-detach|pv-recycler|pvclaimbinder|flex-volume)-|^enable-dynamic-provisioning$/, 'it makes no volumes'],
    [/^(cluster-name|enable-garbage-collector|min-resync-period|(namespace|resource-quota)-sync-period)$/, ''],
  ],
  scheduler: [
    ...NO_GATES,
    [/^(config|write-config-to)$/, 'there are no profiles of it'],
    [/^pod-max-in-unschedulable-pods-duration$/, ''],
  ],
};

const CALLED: Readonly<Record<Part, string>> = {
  kubelet: 'kubelet',
  apiServer: 'API server',
  controllerManager: 'controller manager',
  scheduler: 'scheduler',
};

/** Fields of KubeletConfiguration that flags of a kubelet have other names for. */
const KUBELET_FIELDS: Readonly<Record<string, string>> = {
  'anonymous-auth': 'authentication.anonymous.enabled',
  'authentication-token-webhook': 'authentication.webhook.enabled',
  'authentication-token-webhook-cache-ttl': 'authentication.webhook.cacheTTL',
  'authorization-mode': 'authorization.mode',
  'image-gc-high-threshold': 'imageGCHighThresholdPercent',
  'image-gc-low-threshold': 'imageGCLowThresholdPercent',
  'minimum-image-ttl-duration': 'imageMinimumGCAge',
  'pod-max-pids': 'podPidsLimit',
};

/** Fields that no flag of upstream's is for, and that change nothing here; and what kind it is. */
const WITHOUT_EFFECT =
  /^(apiVersion|kind|static.+|tracing|enable(SystemLog|Profiling|DebugFlags).+|memory(Throttling|Reservation).+|tlsCurve.+|mergeDefault.+|configMapAnd.+)$/;

/**
 * What there is to say of a flag that a part has not here, in the place of "no flag here"; undefined where upstream's has none of that name either, as far as is known. A kubelet's that is a field of
 * its configuration is told as that, and `where` that is given. Pure.
 */
export function upstreamFlag(part: Part, name: string, where = '(which init takes for all nodes)'): string | undefined {
  const upstream = `upstream's ${CALLED[part]}`;
  const missing = MISSING[part].find(([pattern]) => pattern.test(name));
  if (missing !== undefined) {
    const [, why] = missing;
    return `a flag of ${upstream} that Gantry's has not${why === '' ? '' : ` (${why})`}: leave it out`;
  }
  const field = part === 'kubelet' ? kubeletField(name) : undefined;
  return field === undefined
    ? undefined
    : `a setting of ${upstream}, and no flag of Gantry's: it is ${field} of KubeletConfiguration ${where}`;
}

function kubeletField(name: string): string | undefined {
  if (Object.hasOwn(KUBELET_FIELDS, name)) return KUBELET_FIELDS[name];
  const plain = name.replaceAll('-', '');
  const kind: StructType = builtinTable.struct('kubelet/v1beta1.KubeletConfiguration');
  const found = [...kind.json.keys()].find(field => field.toLowerCase() === plain);
  return found === undefined || /[A-Z]/.test(name) || WITHOUT_EFFECT.test(found) ? undefined : found;
}
