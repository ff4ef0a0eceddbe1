import { describe, expect, it } from 'vitest';
import { builtinTable } from '../../../../src/api/schema/builtin.ts';
import { isIn, reasonOf } from '../../../../src/api/unheeded-fields.ts';
import type { ControlPlanePart } from '../../../../src/bootstrap/component-arguments.ts';
import { MISSING_OF_PARTS } from '../../../../src/bootstrap/configuration/control-plane-flags.ts';
import {
  FIELDS_OF_FLAGS,
  GONE_FROM_KUBELET,
  MISSING_OF_KUBELET,
} from '../../../../src/bootstrap/configuration/kubelet-flags.ts';
import { upstreamKubeletFlag, upstreamPartFlag } from '../../../../src/bootstrap/configuration/upstream-flags.ts';
import { UNHEEDED_ALONE, UNHEEDED_TOGETHER } from '../../../../src/bootstrap/unheeded-part-flags.ts';
import { knownFlags } from '../../../../src/cmd/init-configuration.ts';
import { KUBELET_FIELDS } from '../../../../src/kubelet/unheeded-fields.ts';

type Part = ControlPlanePart | 'kubelet';

const told = (part: Part, name: string) =>
  part === 'kubelet' ? upstreamKubeletFlag(name, KUBELET_FIELDS, '(here)') : upstreamPartFlag(part, name);

describe("a flag of upstream's that is none here", () => {
  it.each<[string, string]>([
    ['cgroup-driver', 'cgroupDriver'],
    ['cluster-dns', 'clusterDNS'],
    ['cpu-cfs-quota-period', 'cpuCFSQuotaPeriod'],
    ['eviction-hard', 'evictionHard'],
    ['fail-swap-on', 'failSwapOn'],
    ['max-pods', 'maxPods'],
    ['rotate-certificates', 'rotateCertificates'],
    ['rotate-server-certificates', 'serverTLSBootstrap'],
    ['serialize-image-pulls', 'serializeImagePulls'],
    ['system-reserved', 'systemReserved'],
    ['anonymous-auth', 'authentication.anonymous.enabled'],
    ['authorization-mode', 'authorization.mode'],
    ['authorization-webhook-cache-authorized-ttl', 'authorization.webhook.cacheAuthorizedTTL'],
    ['pod-max-pids', 'podPidsLimit'],
    // fields that upstream has no flags for
    ['server-tls-bootstrap', 'serverTLSBootstrap'],
    ['single-process-oom-kill', 'singleProcessOOMKill'],
    ['shutdown-grace-period', 'shutdownGracePeriod'],
  ])('of the kubelet, %s, is told as a field of its configuration that is heeded', (name, field) => {
    expect(told('kubelet', name)).toBe(
      `a setting of upstream's kubelet, and no flag of Gantry's: it is ${field} of KubeletConfiguration (here)`,
    );
  });

  it('of the kubelet, is of a field that there is', () => {
    const fields = [...builtinTable.struct('kubelet/v1beta1.KubeletConfiguration').json.keys()];
    expect(Object.values(FIELDS_OF_FLAGS).filter(path => !fields.includes(path.split('.')[0] ?? ''))).toEqual([]);
    const heeded = (path: string) =>
      isIn(path, KUBELET_FIELDS.heeded) || KUBELET_FIELDS.heeded.some(each => each.startsWith(`${path}[`));
    expect(
      Object.values(FIELDS_OF_FLAGS).filter(path => !heeded(path) && reasonOf(path, KUBELET_FIELDS) === undefined),
    ).toEqual([]);
  });

  it.each<[Part, string, string]>([
    ['kubelet', 'v', 'GANTRY_LOG_LEVEL in the environment says how much is logged'],
    ['kubelet', 'feature-gates', 'nothing here depends on feature gates'],
    ['kubelet', 'cloud-provider', 'no cloud is asked for nodes'],
    ['kubelet', 'cpu-manager-policy', 'there is no CPU manager: containers get shares and quotas of all CPUs'],
    ['kubelet', 'oom-score-adj', 'OOMScoreAdjust= of the unit says it'],
    ['kubelet', 'kube-api-content-type', 'the API server is spoken to in JSON'],
    ['kubelet', 'config-dir', 'the configuration is one file'],
    ['kubelet', 'storage-driver-db', 'cAdvisor is no part of it'],
    ['apiServer', 'audit-log-path', 'there is no audit log'],
    ['apiServer', 'audit-policy-file', 'there is no audit log'],
    ['apiServer', 'enable-admission-plugins', 'which admission there is is settled'],
    ['apiServer', 'oidc-issuer-url', 'nobody else is asked who somebody is'],
    ['apiServer', 'authorization-mode', 'Node and RBAC judge every request'],
    ['apiServer', 'encryption-provider-config', 'it encrypts nothing in etcd'],
    ['apiServer', 'feature-gates', 'there are no gates'],
    ['apiServer', 'default-not-ready-toleration-seconds', 'pods leave a Node that is away after 300 s'],
    ['apiServer', 'tls-curve-preferences', 'how it serves TLS is settled'],
    ['controllerManager', 'concurrent-deployment-syncs', 'how much is done at once is settled'],
    ['controllerManager', 'horizontal-pod-autoscaler-sync-period', 'nothing is scaled by itself'],
    ['controllerManager', 'mirroring-max-endpoints-per-subset', 'how much is done at once is settled'],
    ['scheduler', 'config', 'there are no profiles of it'],
  ])('of the %s, %s, is told with why it is none', (part, name, why) => {
    expect(told(part, name)).toMatch(/^a flag of upstream's .* that Gantry's has not \(.*\): leave it out$/);
    expect(told(part, name)).toContain(`(${why})`);
  });

  it.each<[Part, string, string]>([
    ['apiServer', 'API server', 'event-ttl'],
    ['apiServer', 'API server', 'kubelet-timeout'],
    ['controllerManager', 'controller manager', 'controller-start-interval'],
    ['kubelet', 'kubelet', 'maximum-dead-containers'],
    ['kubelet', 'kubelet', 'experimental-mounter-path'],
  ])('is told without a reason where there is none to tell: %s', (part, called, name) => {
    expect(told(part, name)).toBe(`a flag of upstream's ${called} that Gantry's has not: leave it out`);
  });

  it('is told with the last version that had it, where it is gone', () => {
    expect(told('kubelet', 'pod-infra-container-image')).toBe(
      "a flag of upstream's kubelet until v1.34, and none of Gantry's: leave it out",
    );
  });
});

it.each<[Part, readonly string[]]>([
  ['kubelet', ['nope', 'cgroupDriver', 'constructor', 'kind', 'logging', 'authentication', 'enable-system-log-query']],
  ['kubelet', ['max--pods', 'maxpods', '-maxpods', 'maxPods', 'run-once', 'content-type', 'fail-cgroup-v1']],
  ['kubelet', ['enable-contention-profiling', 'storage-driver-nonsense', 'memory-manager-nonsense']],
  ['kubelet', ['iptables-drop-bit', 'iptables-masquerade-bit', 'cloud-config', 'emulated-version', 'disabled-metrics']],
  ['apiServer', ['audit', 'cgroup-driver', 'audit-log-pathh', 'oidc-nonsense', 'default-watch-cache-size']],
  ['controllerManager', ['concurrent-foo-syncs', 'horizontal-pod-autoscaler-xyz', 'emulation-forward-compatible']],
  ['scheduler', ['audit-log-path', 'emulation-forward-compatible']],
])('flags that upstream’s has not are none of it: %s %s', (part, names) => {
  expect(names.filter(name => told(part, name) !== undefined)).toEqual([]);
});

describe('the lists of flags', () => {
  it('have no flag that there is here', () => {
    const { apiServer, controllerManager, scheduler, node } = knownFlags();
    expect([
      ...apiServer.filter(name => Object.hasOwn(MISSING_OF_PARTS.apiServer, name)),
      ...controllerManager.filter(name => Object.hasOwn(MISSING_OF_PARTS.controllerManager, name)),
      ...scheduler.filter(name => Object.hasOwn(MISSING_OF_PARTS.scheduler, name)),
      ...node.filter(name => told('kubelet', name)?.includes("Gantry's has not") === true),
    ]).toEqual([]);
  });

  it.each(['apiServer', 'controllerManager', 'scheduler'] as const)('have each flag of the %s once', part => {
    const missing = Object.keys(MISSING_OF_PARTS[part]);
    expect(missing.filter(name => Object.hasOwn(UNHEEDED_TOGETHER[part], name))).toEqual([]);
    expect(Object.keys(UNHEEDED_ALONE[part])).toEqual(Object.keys(UNHEEDED_TOGETHER[part]));
  });

  it('have each flag of the kubelet once', () => {
    const names = [FIELDS_OF_FLAGS, MISSING_OF_KUBELET, GONE_FROM_KUBELET].flatMap(list => Object.keys(list));
    expect(new Set(names).size).toBe(names.length);
  });
});
