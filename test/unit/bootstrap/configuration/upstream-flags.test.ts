import { describe, expect, it } from 'vitest';
import { parseConfiguration } from '../../../../src/bootstrap/configuration/read-documents.ts';
import { upstreamFlag } from '../../../../src/bootstrap/configuration/upstream-flags.ts';
import { knownFlags } from '../../../../src/cmd/init-configuration.ts';

type Part = Parameters<typeof upstreamFlag>[0];

describe("a flag of upstream's that is none here", () => {
  it.each<[string, string]>([
    ['cgroup-driver', 'cgroupDriver'],
    ['cluster-dns', 'clusterDNS'],
    ['eviction-hard', 'evictionHard'],
    ['fail-swap-on', 'failSwapOn'],
    ['max-pods', 'maxPods'],
    ['rotate-certificates', 'rotateCertificates'],
    ['serialize-image-pulls', 'serializeImagePulls'],
    ['anonymous-auth', 'authentication.anonymous.enabled'],
    ['authorization-mode', 'authorization.mode'],
    ['pod-max-pids', 'podPidsLimit'],
  ])('of the kubelet, %s, is told as a field of its configuration', (name, field) => {
    expect(upstreamFlag('kubelet', name)).toBe(
      `a setting of upstream's kubelet, and no flag of Gantry's: it is ${field} of KubeletConfiguration (which init takes for all nodes)`,
    );
  });

  it.each<[string, string]>([
    ['authentication.anonymous.enabled', 'true'],
    ['authentication.webhook.enabled', 'true'],
    ['authentication.webhook.cacheTTL', '1m'],
    ['authorization.mode', 'Webhook'],
    ['imageGCHighThresholdPercent', '90'],
    ['imageGCLowThresholdPercent', '10'],
    ['imageMinimumGCAge', '1m'],
    ['podPidsLimit', '100'],
  ])('has a field that there is: %s', (path, value) => {
    const nested = path.split('.').reduceRight((inside, name) => `{${name}: ${inside}}`, value);
    const text = `${nested.slice(0, -1)}, apiVersion: kubelet.config.k8s.io/v1beta1, kind: KubeletConfiguration}`;
    expect(parseConfiguration(text, 'x').documents).toHaveLength(1);
  });

  it.each<[Part, string, string]>([
    ['kubelet', 'v', 'how much is logged, and how, is settled'],
    ['kubelet', 'feature-gates', 'there are no gates'],
    ['kubelet', 'cloud-provider', 'no cloud is asked for nodes'],
    ['kubelet', 'pod-infra-container-image', 'the process that holds a pod is no image here'],
    ['apiServer', 'audit-log-path', 'there is no audit log'],
    ['apiServer', 'audit-policy-file', 'there is no audit log'],
    ['apiServer', 'enable-admission-plugins', 'which admission there is is settled'],
    ['apiServer', 'oidc-issuer-url', 'nobody else is asked who somebody is'],
    ['apiServer', 'authorization-mode', 'Node and RBAC judge every request'],
    ['apiServer', 'encryption-provider-config', 'it encrypts nothing in etcd'],
    ['apiServer', 'feature-gates', 'there are no gates'],
    ['controllerManager', 'concurrent-deployment-syncs', 'how much is done at once is settled'],
    ['controllerManager', 'horizontal-pod-autoscaler-sync-period', 'nothing is scaled by itself'],
    ['scheduler', 'config', 'there are no profiles of it'],
  ])('of the %s, %s, is told with why it is none', (part, name, why) => {
    expect(upstreamFlag(part, name)).toMatch(/^a flag of upstream's .* that Gantry's has not \(.*\): leave it out$/);
    expect(upstreamFlag(part, name)).toContain(`(${why})`);
  });

  it('is told without a reason where there is none to tell', () => {
    expect(upstreamFlag('apiServer', 'event-ttl')).toBe(
      "a flag of upstream's API server that Gantry's has not: leave it out",
    );
  });

  it.each(['cpu-manager-policy', 'oom-score-adj', 'pod-cidr', 'node-status-max-images'])(
    'is not told as a field that changes nothing: %s',
    name => {
      expect(upstreamFlag('kubelet', name)).toBe("a flag of upstream's kubelet that Gantry's has not: leave it out");
    },
  );
});

it.each<[Part, string]>([
  ['kubelet', 'nope'],
  ['kubelet', 'cgroupDriver'],
  ['kubelet', 'constructor'],
  ['kubelet', 'kind'],
  ['kubelet', 'enable-system-log-query'],
  ['apiServer', 'audit'],
  ['apiServer', 'cgroup-driver'],
  ['scheduler', 'audit-log-path'],
])('a flag that nobody has is none of upstream: %s %s', (part, name) => {
  expect(upstreamFlag(part, name)).toBeUndefined();
});

it('no flag that there is here is told as one that is not', () => {
  const { apiServer, controllerManager, scheduler, node } = knownFlags();
  const told = (part: Part, names: readonly string[]) =>
    names.filter(name => upstreamFlag(part, name)?.includes("Gantry's has not") === true);
  expect([
    ...told('apiServer', apiServer),
    ...told('controllerManager', controllerManager),
    ...told('scheduler', scheduler),
    ...told('kubelet', node),
  ]).toEqual([]);
});
