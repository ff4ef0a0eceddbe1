import { describe, expect, it } from 'vitest';
import { decodeManifest, validateDecoded } from '../../../../src/api/decode/manifest.ts';
import type { KubeletConfiguration } from '../../../../src/api/types/gen/kubelet-v1beta1.ts';
import { fieldErrorText } from '../../../../src/api/validation/field-error.ts';

const HEAD = 'apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n';
const decoded = (text: string) =>
  decodeManifest(HEAD + text).objects[0] as NonNullable<ReturnType<typeof decodeManifest>['objects'][0]>;
const config = (text: string) => decoded(text).object as KubeletConfiguration;

describe('the kubelet’s configuration file', () => {
  it('has upstream’s defaults, and they are valid', () => {
    expect(config('')).toMatchObject({
      port: 10250,
      healthzPort: 10248,
      maxPods: 110,
      cgroupDriver: 'cgroupfs',
      failSwapOn: true,
      failCgroupV1: true,
      authentication: { anonymous: { enabled: false }, webhook: { enabled: true, cacheTTL: '2m0s' } },
      authorization: { mode: 'Webhook' },
      syncFrequency: '1m0s',
      nodeStatusUpdateFrequency: '10s',
      nodeStatusReportFrequency: '5m0s',
      serializeImagePulls: true,
      enforceNodeAllocatable: ['pods'],
      containerLogMaxSize: '10Mi',
      crashLoopBackOff: { maxContainerRestartPeriod: '5m0s' },
      logging: { format: 'text', flushFrequency: '5s' },
    });
    expect(validateDecoded(decoded(''))).toEqual([]);
  });

  it.each([
    ['what is set stays', 'maxPods: 7\nfailSwapOn: no\n', { maxPods: 7, failSwapOn: false }],
    ['a zero that Go can tell from nothing stays', 'healthzPort: 0\n', { healthzPort: 0 }],
    ['an empty list is not an absent one', 'enforceNodeAllocatable: []\n', { enforceNodeAllocatable: [] }],
    ['parallel pulls are not serial', 'maxParallelImagePulls: 4\n', { serializeImagePulls: false }],
    [
      'reports follow the update frequency that is given',
      'nodeStatusUpdateFrequency: 20s\n',
      { nodeStatusReportFrequency: '20s' },
    ],
    ['durations are written as Go writes them', 'syncFrequency: 90s\n', { syncFrequency: '1m30s' }],
    ['a negative limit of processes is none', 'podPidsLimit: -5\n', { podPidsLimit: -1 }],
  ])('%s', (_, text, expected) => {
    expect(config(text)).toMatchObject(expected);
  });

  it.each([
    ['maxPods: -1\n', 'maxPods: Invalid value: -1: must be between 0 and 2147483647, inclusive'],
    ['cgroupDriver: none\n', 'cgroupDriver: Unsupported value: "none": supported values: "cgroupfs", "systemd"'],
    [
      'address: here\n',
      'address: Invalid value: "here": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    ],
    [
      'imageGCLowThresholdPercent: 90\n',
      'imageGCLowThresholdPercent: Invalid value: 90: must be less than imageGCHighThresholdPercent, which is 85',
    ],
    ['cpuCFSQuotaPeriod: 2s\n', 'cpuCFSQuotaPeriod: Invalid value: "2s": must be between 1ms and 1s, inclusive'],
    [
      'systemReserved: {gpu: "1"}\n',
      'systemReserved[gpu]: Unsupported value: "gpu": supported values: "cpu", "memory", "ephemeral-storage", "pid"',
    ],
    [
      'kubeReserved: {cpu: fast}\n',
      'kubeReserved[cpu]: Invalid value: "fast": quantities must match the regular expression \'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$\'',
    ],
  ])('%s is refused', (text, line) => {
    const { kind, object } = decoded(text);
    expect(kind.validate(object).map(fieldErrorText)).toEqual([line]);
  });

  it('names an unknown option with its line', () => {
    const [problem] = decodeManifest(`${HEAD}maxPod: 5\n`).problems;
    expect(problem).toMatchObject({
      position: { line: 3, column: 1 },
      message: 'unknown field "maxPod"',
      hint: 'did you mean "maxPods"?',
    });
  });
});
