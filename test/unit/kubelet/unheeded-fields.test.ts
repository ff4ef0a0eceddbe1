import { describe, expect, it } from 'vitest';
import { decodeManifest } from '../../../src/api/decode/manifest.ts';
import type { KubeletConfiguration } from '../../../src/api/types/gen/kubelet-v1beta1.ts';
import { isIn, reasonOf } from '../../../src/api/unheeded-fields.ts';
import { filesBelow } from '../../../src/bootstrap/files.ts';
import { kubeletConfigurationText } from '../../../src/bootstrap/kubelet-configuration.ts';
import { nodeSetup } from '../../../src/cmd/kubelet-flags.ts';
import { defaultKubeletConfiguration } from '../../../src/kubelet/configuration.ts';
import { resolveSettings } from '../../../src/kubelet/resolve-settings.ts';
import { KUBELET_FIELDS, unheededByKubelet } from '../../../src/kubelet/unheeded-fields.ts';
import { initSettings } from '../bootstrap/init-settings.ts';
import { fieldPaths } from '../schema-paths.ts';

const KIND = { apiVersion: 'kubelet.config.k8s.io/v1beta1', kind: 'KubeletConfiguration' };
const { heeded, reasons, soAnyway } = KUBELET_FIELDS;
const ALL = fieldPaths(KIND.apiVersion, KIND.kind);

const linesOf = (fields: object): readonly string[] => {
  const [only] = decodeManifest(JSON.stringify({ ...KIND, ...fields })).objects;
  return unheededByKubelet(only?.object as KubeletConfiguration);
};
const namesOf = (fields: object): readonly string[] =>
  linesOf(fields).map(line => line.replace(/^KubeletConfiguration: | is not heeded: .*$/g, ''));

/** The field of a path that has no more below it. */
const withoutKey = (path: string): string => path.replace(/\[.*/, '');

describe('the table of the kubelet’s fields', () => {
  it('has each field of the kind, as one that is heeded or with why it is not', () => {
    const isHeeded = (path: string): boolean => isIn(path, heeded);
    const inNone = ALL.filter(path => !isHeeded(path) && reasonOf(path, KUBELET_FIELDS) === undefined);
    const inBoth = ALL.filter(path => isHeeded(path) && reasonOf(path, KUBELET_FIELDS) !== undefined);
    expect({ inNone, inBoth }).toEqual({ inNone: [], inBoth: [] });
  });

  it('has no field that the kind has not', () => {
    const known = (path: string): boolean => ALL.some(each => isIn(each, [withoutKey(path)]));
    const ofAll = ['enableProfiling'];
    const named = [...heeded, ...Object.keys(soAnyway), ...reasons.flatMap(({ fields }) => fields)];
    expect(named.filter(path => !known(path) && !ofAll.includes(path))).toEqual([]);
  });

  it('has all that the settings of the kubelet and of its Node are made of', () => {
    const read = new Set<string>();
    const config = new Proxy(defaultKubeletConfiguration(), {
      get: (target, name) => {
        read.add(String(name));
        return Reflect.get(target, name);
      },
    });
    const node = {
      name: 'n1',
      ips: ['192.0.2.1'],
      capacity: { milliCpu: 2000, memoryBytes: 4e9 },
      cgroupVersion: 2,
      swap: { counted: true, capacityBytes: 0 },
      resolver: undefined,
    } as const;
    resolveSettings(config, node, { rootDir: '/r', podLogsDir: '/l', containerLogLinks: undefined });
    nodeSetup({ rootDir: '/r' }, config);
    expect(read.size).toBeGreaterThan(30);
    expect([...read].filter(name => !heeded.some(path => withoutKey(path) === name))).toEqual([]);
  });
});

describe('fields of the kubelet that change nothing', () => {
  it.each([
    [{ cpuManagerPolicy: 'static' }, 'cpuManagerPolicy is not heeded: there is no CPU manager: containers get shares'],
    [{ readOnlyPort: 10255 }, 'readOnlyPort is not heeded: what it would show is on port'],
    [{ logging: { verbosity: 4 } }, 'logging.verbosity is not heeded: GANTRY_LOG_LEVEL'],
    [{ featureGates: { A: true } }, 'featureGates is not heeded: nothing here depends on feature gates'],
    [{ tracing: { endpoint: 'a:1' } }, 'tracing.endpoint is not heeded: nothing is traced'],
    [
      { evictionHard: { 'imagefs.available': '9%' } },
      'evictionHard[imagefs.available] is not heeded: memory.available',
    ],
    [{ kubeReserved: { cpu: '1', pid: '9' } }, 'kubeReserved[pid] is not heeded: CPU and memory are all'],
    [
      { enforceNodeAllocatable: ['pods', 'kube-reserved'] },
      'enforceNodeAllocatable[kube-reserved] is not heeded: pods',
    ],
  ])('are told: %j', (fields, line) => {
    const lines = linesOf(fields);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(`KubeletConfiguration: ${line}`);
  });

  it.each([
    ['nothing', {}],
    ['what is heeded', { maxPods: 7, evictionHard: { 'nodefs.available': '1Gi' }, enforceNodeAllocatable: [] }],
    ['upstream’s defaults', { cpuManagerPolicy: 'none', readOnlyPort: 0, eventRecordQPS: 50, tlsCipherSuites: [] }],
    ['a default in other words', { syncFrequency: '60s', cpuManagerReconcilePeriod: '0s' }],
    ['what kubeadm writes for the log', { logging: { flushFrequency: 0, options: { json: { infoBufferSize: '0' } } } }],
    ['what is so anyway', { hairpinMode: 'hairpin-veth', logging: { format: 'json' }, makeIPTablesUtilChains: false }],
    ['empty maps and a false that is none', { featureGates: {}, qosReserved: {}, enableSystemLogQuery: false }],
  ])('are none for %s', (_what, fields) => {
    expect(namesOf(fields)).toEqual([]);
  });

  it.each([false, true])('are none in what a cluster writes for its nodes (inside a host: %s)', insideHost => {
    const text = kubeletConfigurationText(initSettings().cluster, filesBelow('/'), insideHost);
    const [only] = decodeManifest(text).objects;
    expect(unheededByKubelet(only?.object as KubeletConfiguration)).toEqual([]);
  });

  it('have a line each', () => {
    expect(namesOf({ topologyManagerScope: 'pod', runOnce: true, memoryManagerPolicy: 'Static' })).toEqual([
      'memoryManagerPolicy',
      'topologyManagerScope',
      'runOnce',
    ]);
  });
});
