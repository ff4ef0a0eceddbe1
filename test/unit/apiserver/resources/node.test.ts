import { describe, expect, it } from 'vitest';
import { type Changes, Judge } from './judge.ts';

const NOT_A_SUBDOMAIN =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const NOT_A_NAME_PART =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const NOT_A_LABEL_VALUE =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const NOT_A_CIDR = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';

const nodes = new Judge('', 'nodes', {});

describe('what may be created', () => {
  const cases: readonly [sentence: string, changes: Changes, errors: readonly string[]][] = [
    ['a node', {}, []],
    [
      'a node with all its resources',
      {
        'status.capacity': { cpu: '4', memory: '1Gi', pods: '110' },
        'spec.podCIDRs': ['10.0.0.0/24', 'fd00::/64'],
        'status.declaredFeatures': ['A', 'A/b', 'B'],
      },
      [],
    ],
    [
      'no node with a name that no DNS has',
      { 'metadata.name': 'A_b' },
      [`metadata.name: Invalid value: "A_b": ${NOT_A_SUBDOMAIN}`],
    ],
    [
      'no taint with a bad key, value or effect',
      {
        'spec.taints': [
          { key: 'a b', value: 'x y', effect: 'Flee' },
          { key: 'a', effect: '' },
        ],
      },
      [
        `metadata.taints[0].key: Invalid value: "a b": ${NOT_A_NAME_PART}`,
        `metadata.taints[0].value: Invalid value: "x y": ${NOT_A_LABEL_VALUE}`,
        'metadata.taints[0].effect: Unsupported value: "Flee": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
        'metadata.taints[1].effect: Required value',
      ],
    ],
    [
      'no taint twice',
      {
        'spec.taints': [
          { key: 'a', value: 'x', effect: 'NoSchedule' },
          { key: 'a', value: 'y', effect: 'NoSchedule' },
        ],
      },
      [
        'metadata.taints[1]: Duplicate value: {"Key":"a","Value":"y","Effect":"NoSchedule","TimeAdded":null}: taints must be unique by key and effect pair',
      ],
    ],
    [
      'a taint of one key with two effects',
      {
        'spec.taints': [
          { key: 'a', effect: 'NoSchedule' },
          { key: 'a', effect: 'NoExecute' },
        ],
      },
      [],
    ],
    [
      'no resources below zero',
      { 'status.capacity': { cpu: '-1' }, 'status.allocatable': { pods: '0.5' } },
      [
        'status.capacity.cpu: Invalid value: "-1": must be greater than or equal to 0',
        'status.allocatable.pods: Invalid value: "500m": must be an integer',
      ],
    ],
    [
      'no swap of nothing',
      { 'status.nodeInfo': { swap: { capacity: 0 } } },
      ['metadata.nodeSwapStatus.capacity: Invalid value: 0: must be greater than zero'],
    ],
    [
      'no features out of order, twice, or with bad names',
      { 'status.declaredFeatures': ['B', 'A', 'A', 'a/b'] },
      [
        'status.declaredFeatures[1]: Invalid value: "A": list must be sorted alphabetically',
        'status.declaredFeatures[2]: Duplicate value: "A"',
        'status.declaredFeatures[3]: Invalid value: "a/b": invalid feature name "a/b": must start with an UpperCamelCase segment, with subsequent segments separated by \'/\' (e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and slashes',
      ],
    ],
    [
      'no range of addresses that is none',
      { 'spec.podCIDRs': ['10.0.0.0/024'] },
      ['spec.podCIDRs[0]: Invalid value: "10.0.0.0/024": must not have leading 0s in IP or prefix length'],
    ],
    [
      'no two ranges of one family',
      { 'spec.podCIDRs': ['10.0.0.0/24', '10.0.1.0/24'] },
      [
        'spec.podCIDRs: Invalid value: ["10.0.0.0/24","10.0.1.0/24"]: may specify no more than one CIDR for each IP family',
      ],
    ],
    [
      'no two ranges of which one cannot be read',
      { 'spec.podCIDRs': ['10.0.0.0/24', 'x'] },
      [
        `spec.podCIDRs[1]: Invalid value: "x": ${NOT_A_CIDR}`,
        'spec.podCIDRs: Internal error: invalid PodCIDRs. failed to check with dual stack with error:invalid CIDR[1]: <nil> (invalid CIDR address: x)',
        'spec.podCIDRs: Invalid value: ["10.0.0.0/24","x"]: may specify no more than one CIDR for each IP family',
      ],
    ],
    [
      'no annotation with taints that cannot be read',
      { 'metadata.annotations': { 'scheduler.alpha.kubernetes.io/taints': '{' } },
      ['metadata.annotations: Invalid value: "scheduler.alpha.kubernetes.io/taints": unexpected end of JSON input'],
    ],
    [
      'no annotation with a bad taint',
      { 'metadata.annotations': { 'scheduler.alpha.kubernetes.io/taints': '[{"key":"-"}]' } },
      [
        `metadata.annotations.scheduler.alpha.kubernetes.io/taints[0].key: Invalid value: "-": ${NOT_A_NAME_PART}`,
        'metadata.annotations.scheduler.alpha.kubernetes.io/taints[0].effect: Required value',
      ],
    ],
    [
      'no annotation that avoids pods of nobody',
      {
        'metadata.annotations': {
          'scheduler.alpha.kubernetes.io/preferAvoidPods':
            '{"preferAvoidPods":[{"podSignature":{}},{"podSignature":{"podController":{"controller":false}}}]}',
        },
      },
      [
        'metadata.annotations.scheduler.alpha.kubernetes.io/preferAvoidPods[0].PodSignature: Required value',
        'metadata.annotations.scheduler.alpha.kubernetes.io/preferAvoidPods[1].PodSignature.PodController.Controller: Invalid value: false: must point to a controller',
      ],
    ],
  ];
  it.each(cases)('%s', (_, changes, errors) => {
    expect(nodes.created(changes)).toEqual(errors);
  });
});

describe('what may become of a node', () => {
  const cases: readonly [sentence: string, changes: Changes, errors: readonly string[], before?: Changes][] = [
    ['a range of addresses and a provider', { 'spec.podCIDR': '10.0.0.0/24', 'spec.providerID': 'x' }, [], {}],
    [
      'no other range, provider or external name',
      {
        'spec.podCIDR': '10.0.1.0/24',
        'spec.podCIDRs': ['10.0.1.0/24'],
        'spec.providerID': 'y',
        'spec.externalID': 'z',
      },
      [
        'spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid',
        'spec.providerID: Forbidden: node updates may not change providerID except from "" to valid',
        'spec.externalID: Forbidden: may not be updated',
      ],
      { 'spec.podCIDR': '10.0.0.0/24', 'spec.podCIDRs': ['10.0.0.0/24'], 'spec.providerID': 'x' },
    ],
    [
      'no second range',
      { 'spec.podCIDRs': ['10.0.0.0/24', 'fd00::/64'] },
      ['spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid'],
      { 'spec.podCIDR': '10.0.0.0/24', 'spec.podCIDRs': ['10.0.0.0/24'] },
    ],
    [
      'no bad taint',
      { 'spec.taints': [{ key: 'a', effect: 'x' }] },
      [
        'metadata.taints[0].effect: Unsupported value: "x": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
        'metadata.taints[0].effect: Unsupported value: "x": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
      ],
      {},
    ],
  ];
  it.each(cases)('%s', (_, changes, errors, before = {}) => {
    expect(nodes.changed(changes, before)).toEqual(errors);
  });
});

describe('what a node may say of itself', () => {
  const cases: readonly [sentence: string, changes: Changes, errors: readonly string[]][] = [
    ['an address', { 'status.addresses': [{ type: 'InternalIP', address: '10.0.0.1' }] }, []],
    [
      'no address twice',
      {
        'status.addresses': [
          { type: 'InternalIP', address: '10.0.0.1' },
          { type: 'InternalIP', address: '10.0.0.1' },
        ],
      },
      ['status.addresses[1]: Duplicate value: {"Type":"InternalIP","Address":"10.0.0.1"}'],
    ],
    [
      'no resources below zero',
      { 'status.capacity': { cpu: '-1' } },
      [
        'status.capacity.cpu: Invalid value: "-1": must be greater than or equal to 0',
        'status.allocatable.cpu: Invalid value: "-1": must be greater than or equal to 0',
      ],
    ],
  ];
  it.each(cases)('%s', (_, changes, errors) => {
    expect(nodes.changed(changes, {}, 'status')).toEqual(errors);
  });
});

describe('what is told of a new node', () => {
  const cases: readonly [sentence: string, changes: Changes, warnings: readonly string[]][] = [
    ['nothing of a good one', {}, []],
    [
      'that an external name means nothing, and how ranges are better spelled',
      { 'spec.externalID': 'x', 'spec.podCIDRs': ['FD00::/64'] },
      [
        'spec.externalID: this field is deprecated, and is unused by Kubernetes',
        'spec.podCIDRs[0]: IPv6 CIDR value "FD00::/64" should be in RFC 5952 canonical format ("fd00::/64")',
      ],
    ],
  ];
  it.each(cases)('%s', (_, changes, warnings) => {
    expect(nodes.warned(changes)).toEqual(warnings);
  });
});
