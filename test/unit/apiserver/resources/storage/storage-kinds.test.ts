import { describe, expect, it } from 'vitest';
import { type Changes, Judge } from '../judge.ts';

const group = 'storage.k8s.io';
const classes = new Judge(group, 'storageclasses', { provisioner: 'example.com/disk' });
const attributes = new Judge(group, 'volumeattributesclasses', {
  driverName: 'disk.example.com',
  parameters: { a: 'b' },
});
const attachments = new Judge(group, 'volumeattachments', {
  spec: { attacher: 'disk.example.com', nodeName: 'n1', source: { persistentVolumeName: 'pv' } },
});
const driver = { name: 'disk.example.com', nodeID: 'n1', topologyKeys: ['example.com/zone'] };
const nodes = new Judge(group, 'csinodes', { spec: { drivers: [driver] } });
const drivers = new Judge(group, 'csidrivers', { spec: {} });
const capacities = new Judge(group, 'csistoragecapacities', {
  storageClassName: 'fast',
  nodeTopology: {},
  capacity: '1Gi',
});

describe('what may be created', () => {
  const zones = (...expressions: object[]): Changes => ({
    allowedTopologies: [{ matchLabelExpressions: expressions }],
  });
  const AT = 'allowedTopologies[0].matchLabelExpressions';
  const cases: readonly [sentence: string, kind: Judge, changes: Changes, errors: readonly string[]][] = [
    ['a class', classes, {}, []],
    ['no class without provisioner', classes, { provisioner: '' }, ['provisioner: Required value']],
    ['a class of a provisioner in capitals', classes, { provisioner: 'Example.com/Disk' }, []],
    [
      'no class with an empty parameter, or a policy that is unknown',
      classes,
      { parameters: { '': 'x' }, reclaimPolicy: 'Recycle', volumeBindingMode: 'Later' },
      [
        'parameters: Invalid value: "": field can not be empty.',
        'reclaimPolicy: Unsupported value: "Recycle": supported values: "Delete", "Retain"',
        'volumeBindingMode: Unsupported value: "Later": supported values: "Immediate", "WaitForFirstConsumer"',
      ],
    ],
    [
      'no class with parameters without end',
      classes,
      { parameters: { a: 'x'.repeat(262144) } },
      ['parameters: Too long: may not be more than 262144 bytes'],
    ],
    ['a class of some zones', classes, zones({ key: 'zone', values: ['a', 'b'] }), []],
    [
      'no zones that are none, or named twice',
      classes,
      zones({ key: 'zone', values: [] }, { key: 'zone', values: ['a', 'a'] }),
      [
        `${AT}[0].values: Required value`,
        `${AT}[1].values[1]: Duplicate value: "a"`,
        `${AT}[1].key: Duplicate value: "zone"`,
      ],
    ],
    [
      'no term twice, whatever the order of its values',
      classes,
      {
        allowedTopologies: [
          { matchLabelExpressions: [{ key: 'zone', values: ['a', 'b'] }] },
          { matchLabelExpressions: [{ key: 'zone', values: ['b', 'a'] }] },
        ],
      },
      ['allowedTopologies[1].matchLabelExpressions: Duplicate value: ""'],
    ],
    ['no empty term', classes, { allowedTopologies: [{}] }, [`${AT}: Duplicate value: ""`]],
    ['attributes', attributes, {}, []],
    [
      'no attributes without any',
      attributes,
      { parameters: {} },
      ['parameters: Required value: must contain at least one key/value pair'],
    ],
    ['an attachment', attachments, {}, []],
    [
      'no attachment of nothing',
      attachments,
      { 'spec.source': {} },
      ['spec.source: Required value: must specify exactly one of inlineVolumeSpec and persistentVolumeName'],
    ],
    [
      'no attachment of two volumes',
      attachments,
      { 'spec.source.inlineVolumeSpec': { accessModes: ['ReadWriteOnce'] } },
      ['spec.source: Forbidden: must specify exactly one of inlineVolumeSpec and persistentVolumeName'],
    ],
    [
      'no attachment of a volume that no driver has',
      attachments,
      { 'spec.source': { inlineVolumeSpec: { accessModes: ['ReadWriteOnce'], capacity: { storage: '1' } } } },
      [
        'spec.source.inlineVolumeSpec.capacity: Forbidden: may not be specified in the context of inline volumes',
        'spec.source.inlineVolumeSpec.csi: Required value: has to be specified in the context of inline volumes',
        'spec.source.inlineVolumeSpec: Required value: must specify a volume type',
      ],
    ],
    [
      'no attachment of a volume with what only volumes of their own have, or of two kinds',
      attachments,
      {
        'spec.source': {
          inlineVolumeSpec: {
            accessModes: ['ReadWriteSome'],
            persistentVolumeReclaimPolicy: 'Delete',
            nodeAffinity: {},
            storageClassName: 'fast',
            volumeMode: 'Block',
            nfs: { server: 'a', path: '/b' },
            csi: { driver: 'disk.example.com', volumeHandle: 'v' },
          },
        },
      },
      [
        [
          'accessModes',
          'Unsupported value: "ReadWriteSome": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"',
        ],
        ['persistentVolumeReclaimPolicy', 'Forbidden: may only be Retain in the context of inline volumes'],
        ['nodeAffinity', 'Forbidden: may not be specified in the context of inline volumes'],
        ['csi', 'Forbidden: may not specify more than 1 volume type'],
        ['storageClassName', 'Forbidden: may not be specified in the context of inline volumes'],
        ['volumeMode', 'Forbidden: may not specify volumeMode other than Filesystem in the context of inline volumes'],
      ].map(([field, text]) => `spec.source.inlineVolumeSpec.${field}: ${text}`),
    ],
    [
      'no attachment of a local volume, which has no node here whatever is said',
      attachments,
      {
        'spec.source': {
          inlineVolumeSpec: {
            accessModes: ['ReadWriteOnce'],
            nodeAffinity: {},
            local: { path: '/x' },
            csi: { driver: 'disk.example.com', volumeHandle: 'v' },
          },
        },
      },
      [
        'spec.source.inlineVolumeSpec.nodeAffinity: Forbidden: may not be specified in the context of inline volumes',
        'spec.source.inlineVolumeSpec.nodeAffinity: Required value: Local volume requires node affinity',
        'spec.source.inlineVolumeSpec.csi: Forbidden: may not specify more than 1 volume type',
      ],
    ],
    [
      'an attachment of a volume of a driver that stands in a pod',
      attachments,
      {
        'spec.source': {
          inlineVolumeSpec: {
            accessModes: ['ReadWriteOnce'],
            persistentVolumeReclaimPolicy: 'Retain',
            volumeMode: 'Filesystem',
            csi: { driver: 'disk.example.com', volumeHandle: 'v' },
          },
        },
      },
      [],
    ],
    [
      'no attachment by a driver whose name is too long',
      attachments,
      { 'spec.attacher': 'x'.repeat(64) },
      ['spec.attacher: Too long: may not be more than 63 bytes'],
    ],
    ['a node with a driver', nodes, {}, []],
    [
      'no driver of a node without names, and none twice',
      nodes,
      { 'spec.drivers': [driver, { ...driver, nodeID: '', allocatable: { count: -1 }, topologyKeys: ['a', 'a', ''] }] },
      [
        'spec.drivers[1].nodeID: Required value',
        'spec.drivers[1].allocatable.count: Invalid value: -1: must be greater than or equal to 0',
        'spec.drivers[1].name: Duplicate value: "disk.example.com"',
        'spec.drivers[1]: Duplicate value: "a"',
        'spec.drivers[1]: Required value',
        'spec.drivers[1]: Invalid value: "": name part must be non-empty',
        expect.stringContaining('spec.drivers[1]: Invalid value: "": name part must consist of'),
      ],
    ],
    ['a driver', drivers, {}, []],
    [
      'no driver with ways of its own',
      drivers,
      { spec: { fsGroupPolicy: 'Any', volumeLifecycleModes: ['Any'], nodeAllocatableUpdatePeriodSeconds: 9 } },
      [
        'spec.fsGroupPolicy: Unsupported value: "Any": supported values: "File", "None", "ReadWriteOnceWithFSType"',
        'spec.volumeLifecycleModes: Unsupported value: "Any": supported values: "Persistent", "Ephemeral"',
        'spec.nodeAllocatableUpdatePeriodSeconds: Invalid value: 9: must be greater than or equal to 10 seconds',
      ],
    ],
    [
      'no tokens for one audience twice, for too short or too long',
      drivers,
      {
        'spec.tokenRequests': [
          { audience: 'a', expirationSeconds: 599 },
          { audience: 'a' },
          { audience: 'b', expirationSeconds: 4294967297 },
        ],
      },
      [
        'spec.tokenRequests[0].expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes',
        'spec.tokenRequests[1].audience: Duplicate value: "a"',
        'spec.tokenRequests[2].expirationSeconds: Invalid value: 4294967297: may not specify a duration larger than 2^32 seconds',
      ],
    ],
    [
      'no place for tokens that are not asked for',
      drivers,
      { 'spec.serviceAccountTokenInSecrets': true },
      [
        'spec.serviceAccountTokenInSecrets: Invalid value: true: serviceAccountTokenInSecrets is set but no tokenRequests are specified',
      ],
    ],
    ['a capacity', capacities, {}, []],
    [
      'no capacity below zero',
      capacities,
      { capacity: '-1' },
      ['capacity: Invalid value: "-1": must be greater than or equal to 0'],
    ],
  ];
  it.each(cases)('%s', (_, kind, changes, errors) => {
    expect(kind.created(changes)).toEqual(errors);
  });
});

describe('what may be changed', () => {
  const cases: readonly [string, Judge, Changes, Changes, readonly string[]][] = [
    ['whether volumes of a class grow', classes, { allowVolumeExpansion: true }, {}, []],
    [
      'nothing else of what it makes',
      classes,
      { parameters: { a: 'b' }, reclaimPolicy: 'Retain' },
      {},
      [
        'parameters: Invalid value: {"a":"b"}: field is immutable',
        'reclaimPolicy: Invalid value: "Retain": field is immutable',
      ],
    ],
    [
      'no attributes',
      attributes,
      { driverName: 'other.example.com', parameters: { a: 'c' } },
      {},
      [
        'driverName: Forbidden: updates to driverName are forbidden.',
        'parameters: Forbidden: updates to parameters are forbidden.',
      ],
    ],
    [
      'no attachment',
      attachments,
      { 'spec.nodeName': 'n2' },
      {},
      [
        'spec: Invalid value: {"attacher":"disk.example.com","nodeName":"n2","source":{"persistentVolumeName":"pv"}}: field is immutable',
      ],
    ],
    [
      'how many volumes a driver takes on a node',
      nodes,
      { 'spec.drivers': [{ ...driver, allocatable: { count: 3 } }] },
      {},
      [],
    ],
    [
      'not the name of the node to it',
      nodes,
      { 'spec.drivers': [{ ...driver, nodeID: 'n2' }] },
      {},
      [
        'spec.drivers: Invalid value: {"name":"disk.example.com","nodeID":"n2","topologyKeys":["example.com/zone"]}: field is immutable',
      ],
    ],
    ['the drivers of a node', nodes, { 'spec.drivers': [] }, {}, []],
    [
      'not whether a driver attaches',
      drivers,
      { 'spec.attachRequired': false },
      {},
      ['spec.attachedRequired: Invalid value: false: field is immutable'],
    ],
    [
      'the answer of a driver, not the question',
      capacities,
      { storageClassName: 'slow', capacity: '2Gi' },
      {},
      ['storageClassName: Invalid value: "slow": field is immutable'],
    ],
  ];
  it.each(cases)('%s', (_, kind, changes, before, errors) => {
    expect(kind.changed(changes, before)).toEqual(errors);
  });

  it('the status of an attachment, with all but the status as it was', () => {
    const { object, errors } = attachments.replaced(
      { 'status.attached': true, 'metadata.labels': { a: 'b' }, 'spec.nodeName': 'n2' },
      {},
      'status',
    );
    expect(errors).toEqual([]);
    expect(object).toMatchObject({ spec: { nodeName: 'n1' }, status: { attached: true } });
    expect(object.metadata.labels).toBeUndefined();
    expect(attachments.changed({ 'status.attachError': { message: 'x', errorCode: -1 } }, {}, 'status')).toEqual([
      'status.attachError.errorCode: Invalid value: -1: must be between 0 and 2147483647, inclusive',
    ]);
  });

  it('gives a driver its first generation with its first change', () => {
    expect(drivers.prepared().metadata.generation).toBeUndefined();
    const { object } = drivers.replaced({ 'spec.requiresRepublish': true });
    expect(object.metadata.generation).toBe(2);
  });
});

describe('what is told beside', () => {
  it('warns of labels that nodes lose', () => {
    const key = 'failure-domain.beta.kubernetes.io/zone';
    const said = 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead';
    const zones = { allowedTopologies: [{ matchLabelExpressions: [{ key, values: ['a'] }] }] };
    expect(classes.warned(zones)).toEqual([`allowedTopologies[0].matchLabelExpressions[0].key: ${said}`]);
    const nodeTopology = { matchExpressions: [{ key, operator: 'Exists' }], matchLabels: { [key]: 'a' } };
    expect(capacities.warned({ nodeTopology })).toEqual([
      `nodeTopology.matchExpressions[0].key: ${key} is ${said}`,
      `nodeTopology.matchLabels.${key}: ${said}`,
    ]);
  });

  it('warns of tokens that stand where they may be logged, when they are asked for', () => {
    const asking = drivers.object({ 'spec.tokenRequests': [{ audience: 'a' }] });
    expect(drivers.strategy.warnings(asking)).toHaveLength(1);
    expect(drivers.strategy.warningsOnUpdate(asking, asking)).toEqual([]);
    expect(drivers.strategy.warningsOnUpdate(asking, drivers.object())).toHaveLength(1);
  });

  const rows: readonly [string, Judge, Changes, object][] = [
    [
      'an attachment',
      attachments,
      {},
      { Attacher: 'disk.example.com', PV: 'pv', Node: 'n1', Attached: false, Age: '60s' },
    ],
    ['a node', nodes, {}, { Drivers: 1, Age: '60s' }],
    [
      'a driver',
      drivers,
      { 'spec.tokenRequests': [{ audience: 'a' }, { audience: 'b' }] },
      {
        AttachRequired: true,
        PodInfoOnMount: false,
        TokenRequests: 'a,b',
        RequiresRepublish: false,
        Modes: 'Persistent',
      },
    ],
    ['a capacity', capacities, {}, { StorageClassName: 'fast', Capacity: '1Gi' }],
    ['attributes', attributes, {}, { DriverName: 'disk.example.com', Age: '60s' }],
  ];
  it.each(rows)('shows %s as upstream does', (_, kind, changes, row) => {
    expect(kind.row(changes)).toMatchObject({ Name: 'web', ...row });
  });
});

it('a topology keeps values that no label has', () => {
  const before = { nodeTopology: { matchExpressions: [{ key: 'a', operator: 'In', values: ['-'] }] } };
  expect(capacities.created(before)).toHaveLength(1);
  expect(capacities.changed({ capacity: '2Gi' }, before)).toEqual([]);
});
