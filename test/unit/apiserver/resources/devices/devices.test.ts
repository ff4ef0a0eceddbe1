import { describe, expect, it } from 'vitest';
import { type Changes, Judge } from '../judge.ts';

const group = 'resource.k8s.io';
const classes = new Judge(group, 'deviceclasses', { spec: {} });
const devices = { requests: [{ name: 'gpu', exactly: { deviceClassName: 'gpu.example.com' } }] };
const claims = new Judge(group, 'resourceclaims', { spec: { devices } });
const templates = new Judge(group, 'resourceclaimtemplates', { spec: { spec: { devices } } });
const pool = { name: 'n1', generation: 1, resourceSliceCount: 1 };
const slices = new Judge(group, 'resourceslices', {
  spec: { driver: 'gpu.example.com', nodeName: 'n1', pool, devices: [{ name: 'd0' }] },
});
const opaque = { driver: 'gpu.example.com', parameters: { a: 1 } };
const request = (fields: object): Changes => ({ 'spec.devices.requests': [{ name: 'gpu', ...fields }] });
const exactly = (fields: object): Changes => request({ exactly: { deviceClassName: 'gpu.example.com', ...fields } });
const device = (fields: object): Changes => ({ 'spec.devices': [{ name: 'd0', ...fields }] });
const REQUEST = 'spec.devices.requests[0]';
const DEVICE = 'spec.devices[0]';

describe('what may be created', () => {
  const cases: readonly [sentence: string, kind: Judge, changes: Changes, errors: readonly string[]][] = [
    ['a class', classes, { spec: { selectors: [{ cel: { expression: 'true' } }], config: [{ opaque }] } }, []],
    [
      'no class with a selector or a configuration that is none, or a resource of Kubernetes',
      classes,
      { spec: { selectors: [{}], config: [{}], extendedResourceName: 'kubernetes.io/gpu' } },
      [
        'spec.selectors[0].cel: Required value',
        'spec.config[0].opaque: Required value',
        'spec.extendedResourceName: Invalid value: "kubernetes.io/gpu": must be a valid extended resource name',
      ],
    ],
    [
      'no selector or configuration that is too long',
      classes,
      {
        spec: {
          selectors: [{ cel: { expression: 'x'.repeat(10241) } }],
          config: [{ opaque: { ...opaque, parameters: { a: 'x'.repeat(10241) } } }],
        },
      },
      [
        'spec.selectors[0].cel.expression: Too long: may not be more than 10240 bytes',
        'spec.config[0].opaque.parameters: Too long: may not be more than 10240 bytes',
      ],
    ],
    ['a claim', claims, {}, []],
    [
      'no request for nothing',
      claims,
      request({}),
      [`${REQUEST}: Required value: exactly one of \`exactly\` or \`firstAvailable\` is required`],
    ],
    [
      'no request for two things',
      claims,
      request({
        exactly: { deviceClassName: 'a' },
        firstAvailable: [{ name: 'a', deviceClassName: 'a' }],
      }),
      [
        `${REQUEST}: Invalid value: null: exactly one of \`exactly\` or \`firstAvailable\` is required, but multiple fields are set`,
      ],
    ],
    [
      'no count of all, and no other way to count',
      claims,
      {
        'spec.devices.requests': [
          { name: 'a', exactly: { deviceClassName: 'a', allocationMode: 'All', count: 1 } },
          { name: 'b', exactly: { deviceClassName: 'a', allocationMode: 'Some' } },
          { name: 'b', exactly: { deviceClassName: 'a', count: -1 } },
        ],
      },
      [
        "spec.devices.requests[0].exactly.count: Invalid value: 1: must not be specified when allocationMode is 'All'",
        'spec.devices.requests[1].exactly.allocationMode: Unsupported value: "Some": supported values: "All", "ExactCount"',
        'spec.devices.requests[2].exactly.count: Invalid value: -1: must be greater than zero',
        'spec.devices.requests[2]: Duplicate value: "b"',
      ],
    ],
    [
      'no toleration that makes no sense',
      claims,
      exactly({
        tolerations: [
          { key: 'a', operator: 'Exists', value: 'x' },
          { key: 'a', operator: 'Like', effect: 'Any' },
        ],
      }),
      [
        `${REQUEST}.exactly.tolerations[0].value: Invalid value: "x": must be empty for operator \`Exists\``,
        `${REQUEST}.exactly.tolerations[1].operator: Unsupported value: "Like": supported values: "Equal", "Exists"`,
        `${REQUEST}.exactly.tolerations[1].effect: Unsupported value: "Any": supported values: "NoExecute", "NoSchedule", "None"`,
      ],
    ],
    [
      'no word about requests that are not there',
      claims,
      {
        'spec.devices.constraints': [{ requests: ['gpu', 'gpu/x'], matchAttribute: 'a' }, {}],
        'spec.devices.config': [{ requests: ['a/b/c'], opaque: { driver: '', parameters: [] } }],
      },
      [
        'spec.devices.constraints[0].requests[1]: Invalid value: "gpu/x": must be the name of a request in the claim or the name of a request and a subrequest separated by \'/\'',
        'spec.devices.constraints[0].matchAttribute: Invalid value: "a": a fully qualified name must be a domain and a name separated by a slash',
        'spec.devices.constraints[1]: Required value: exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set',
        'spec.devices.config[0].requests[0]: Invalid value: "a/b/c": must be the name of a request in the claim or the name of a request and a subrequest separated by \'/\'',
        'spec.devices.config[0].opaque.driver: Required value',
        'spec.devices.config[0].opaque.parameters: Invalid value: "<value omitted>": must be a valid JSON object',
      ],
    ],
    [
      'no more requests than 32, and nothing else is said then',
      claims,
      { 'spec.devices.requests': Array.from({ length: 33 }, () => ({ name: '' })) },
      ['spec.devices.requests: Too many: 33: must have at most 32 items'],
    ],
    ['a template', templates, {}, []],
    [
      'no template with a name for claims',
      templates,
      { 'spec.metadata': { name: 'x', uid: 'y', labels: { a: 'b' } } },
      ['spec.metadata.name: Forbidden: cannot be set', 'spec.metadata.uID: Forbidden: cannot be set'],
    ],
    ['a slice', slices, {}, []],
    [
      'no slice of nowhere, and none of two places',
      slices,
      { 'spec.nodeName': undefined, 'spec.allNodes': false },
      [
        'spec.allNodes: Invalid value: false: must be either unset or set to true',
        'spec: Required value: exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required',
      ],
    ],
    [
      'no slice of two places',
      slices,
      { 'spec.allNodes': true, 'spec.pool': { name: 'a//b', generation: -1, resourceSliceCount: 0 } },
      [
        expect.stringContaining('spec.pool.name: Invalid value: "": a lowercase RFC 1123 subdomain'),
        'spec.pool.resourceSliceCount: Invalid value: 0: must be greater than zero',
        'spec.pool.generation: Invalid value: -1: must be greater than or equal to zero',
        'spec: Invalid value: "{`nodeName`, `allNodes`}": exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required, but multiple fields are set',
      ],
    ],
    [
      'no slice of nodes that cannot be told, or in two terms',
      slices,
      {
        'spec.nodeName': undefined,
        'spec.nodeSelector': { nodeSelectorTerms: [{ matchExpressions: [{ key: 'a', operator: 'Is' }] }, {}] },
      },
      [
        'spec.nodeSelector.nodeSelectorTerms[0].matchExpressions[0].operator: Invalid value: "Is": not a valid selector operator',
        expect.stringContaining('must have exactly one node selector term'),
      ],
    ],
    [
      'no device of nodes that cannot be told',
      slices,
      {
        'spec.nodeName': undefined,
        'spec.perDeviceNodeSelection': true,
        ...device({ nodeSelector: { nodeSelectorTerms: [] } }),
      },
      [`${DEVICE}.nodeSelector.nodeSelectorTerms: Required value: must have at least one node selector term`],
    ],
    [
      'no attribute of two values or of a name that programs cannot have',
      slices,
      device({ attributes: { 'a b': { string: 'x' }, two: { int: 1, version: '1.0' } } }),
      [
        expect.stringContaining(`${DEVICE}.attributes: Invalid value: "a b": a valid C identifier must start`),
        `${DEVICE}.attributes[two].version: Invalid value: "1.0": must be a string compatible with semver.org spec 2.0.0`,
        `${DEVICE}.attributes[two]: Invalid value: {"int":1,"version":"1.0"}: exactly one value must be specified`,
      ],
    ],
    [
      'no policy of a capacity that only one claim may have',
      slices,
      device({ capacity: { memory: { value: '1Gi', requestPolicy: {} } } }),
      [`${DEVICE}.capacity[memory].requestPolicy: Forbidden: allowMultipleAllocations must be true`],
    ],
    [
      'no policy whose values do not fit',
      slices,
      device({
        allowMultipleAllocations: true,
        capacity: {
          a: { value: '4', requestPolicy: { default: '1', validValues: ['3', '2', '5'] } },
          b: { value: '4', requestPolicy: { default: '2', validRange: { min: '1', max: '5', step: '2' } } },
          c: { value: '4', requestPolicy: { validRange: {} } },
        },
      }),
      [
        `${DEVICE}.capacity[a].requestPolicy.validValues[1]: Invalid value: "2": values must be sorted in ascending order`,
        `${DEVICE}.capacity[a].requestPolicy.validValues[2]: Invalid value: "5": option is larger than capacity value: 4`,
        `${DEVICE}.capacity[a].requestPolicy.validValues: Invalid value: "1": default value is not valid according to the requestPolicy`,
        `${DEVICE}.capacity[b].requestPolicy.validRange.max: Invalid value: "5": max is larger than capacity value: 4`,
        `${DEVICE}.capacity[b].requestPolicy.validRange.step: Invalid value: "2": value is not a multiple of a given step (2) from (1)`,
        `${DEVICE}.capacity[c].requestPolicy.default: Required value: required when validRange is defined`,
      ],
    ],
    [
      'no device that waits for nothing, or for what ends the waiting',
      slices,
      device({ bindingConditions: ['a', 'a'], bindingFailureConditions: ['a'] }),
      [
        `${DEVICE}.bindingConditions[1]: Duplicate value: "a"`,
        `${DEVICE}.bindingFailureConditions[0]: Invalid value: "a": bindingFailureConditions must not overlap with bindingConditions`,
      ],
    ],
    [
      'no device with a place of its own where the slice has one',
      slices,
      device({ nodeName: 'n2' }),
      [
        `${DEVICE}: Invalid value: null: \`nodeName\`, \`nodeSelector\` and \`allNodes\` can only be set if \`perDeviceNodeSelection\` is set to true in the ResourceSlice spec`,
      ],
    ],
    [
      'no counters without any',
      slices,
      {
        'spec.devices': undefined,
        'spec.sharedCounters': [{ name: 'a' }, { name: 'a', counters: { c: { value: '1' } } }],
      },
      ['spec.sharedCounters[0].counters: Required value', 'spec.sharedCounters[1]: Duplicate value: "a"'],
    ],
    [
      'fewer devices of the larger kind',
      slices,
      {
        'spec.devices': Array.from({ length: 65 }, (_, i) => ({
          name: `d${i}`,
          taints: [{ key: 'a', effect: 'NoSchedule' }],
        })),
      },
      ['spec.devices: Too many: 65: must have at most 64 items'],
    ],
  ];
  it.each(cases)('%s', (_, kind, changes, errors) => {
    expect(kind.created(changes)).toEqual(errors);
  });
});

describe('what may be changed', () => {
  it('keeps what a claim or a template asks for', () => {
    expect(claims.changed(exactly({ count: 2 }))).toEqual([
      expect.stringMatching(/^spec: Invalid value: .*: field is immutable$/),
    ]);
    expect(templates.changed({ 'spec.metadata.labels': { a: 'b' } })).toEqual([
      expect.stringMatching(/^spec: Invalid value: .*: field is immutable$/),
    ]);
  });

  it('keeps a slice where it is, and its driver and pool', () => {
    expect(
      slices.changed({ 'spec.driver': 'other.example.com', 'spec.pool.name': 'n2', 'spec.nodeName': 'n2' }),
    ).toEqual([
      'spec.pool.name: Invalid value: "n2": field is immutable',
      'spec.driver: Invalid value: "other.example.com": field is immutable',
      'spec.nodeName: Invalid value: "n2": field is immutable',
    ]);
  });

  it('dates a taint that says no time, and drops what upstream has behind gates', () => {
    const object = slices.prepared(
      device({
        taints: [{ key: 'a', effect: 'NoSchedule' }],
        attributes: { a: { ints: [1] } },
        nodeAllocatableResourceMappings: { cpu: {} },
      }),
    );
    expect(object).toHaveProperty('spec.devices', [
      {
        name: 'd0',
        taints: [{ key: 'a', effect: 'NoSchedule', timeAdded: '2026-01-02T03:04:05Z' }],
        attributes: { a: {} },
      },
    ]);
  });
});

describe('the status of a claim', () => {
  const result = { request: 'gpu', driver: 'gpu.example.com', pool: 'n1', device: 'd0' };
  const { request: _, ...place } = result;
  const allocation = { devices: { results: [result] } };
  const allocated: Changes = { 'status.allocation': allocation };
  const user = { resource: 'pods', name: 'p', uid: 'u' };
  const cases: readonly [string, Changes, Changes, readonly string[]][] = [
    ['says what was allocated and to whom', { ...allocated, 'status.reservedFor': [user] }, {}, []],
    [
      'is not of requests, drivers, pools and devices that cannot be',
      {
        'status.allocation': {
          devices: {
            results: [{ ...result, request: 'x', pool: '', shareID: 'no' }],
            config: [{ source: 'Me', opaque }],
          },
        },
      },
      {},
      [
        expect.stringContaining(
          'status.allocation.devices.results[0].request: Invalid value: "x": must be the name of',
        ),
        'status.allocation.devices.results[0].pool: Required value',
        'status.allocation.devices.results[0].shareID: Invalid value: "no": error validating uid: invalid UUID length: 2',
        'status.allocation.devices.config[0].source: Unsupported value: "Me": supported values: "FromClaim", "FromClass"',
      ],
    ],
    [
      'does not change what was allocated',
      { 'status.allocation.devices.results': [{ ...result, device: 'd1' }] },
      allocated,
      [expect.stringMatching(/^status.allocation: Invalid value: .*: field is immutable$/)],
    ],
    [
      'reserves nothing that was not allocated',
      { 'status.reservedFor': [user] },
      {},
      ['status.reservedFor: Forbidden: may not be specified when `allocated` is not set'],
    ],
    [
      'tells nothing of devices that are another`s',
      { ...allocated, 'status.devices': [{ ...place, device: 'd1' }] },
      {},
      [
        'status.devices[0]: Invalid value: {"Driver":"gpu.example.com","Pool":"n1","Device":"d1","ShareID":""}: must be an allocated device in the claim',
      ],
    ],
    [
      'tells addresses as they are written, with the length of their network',
      {
        ...allocated,
        'status.devices': [{ ...place, networkData: { ips: ['10.0.0.1/24', 'FE80::1/64', '10.0.0.1'] } }],
      },
      {},
      [
        'status.devices[0].networkData.ips[1]: Invalid value: "FE80::1/64": must be in canonical form ("fe80::1/64")',
        'status.devices[0].networkData.ips[2]: Invalid value: "10.0.0.1": must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)',
      ],
    ],
  ];
  it.each(cases)('%s', (_, changes, before, errors) => {
    expect(claims.changed(changes, before, 'status')).toEqual(errors);
  });

  it('forgets devices that the claim no longer has', () => {
    const before: Changes = { ...allocated, 'status.devices': [{ ...place, conditions: [] }] };
    const { object, errors } = claims.replaced({ 'status.allocation': undefined }, before, 'status');
    expect(errors).toEqual([]);
    expect(object).toHaveProperty('status', {});
  });

  it('is one word in the table', () => {
    expect(claims.row()['State']).toBe('pending');
    expect(claims.row({ ...allocated, 'status.reservedFor': [user] })['State']).toBe('allocated,reserved');
  });
});
