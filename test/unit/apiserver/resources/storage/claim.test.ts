import { describe, expect, it } from 'vitest';
import { type Changes, Judge } from '../judge.ts';

const NOT_A_SUBDOMAIN =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const NOT_A_NAME_PART =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const NOT_A_LABEL_VALUE =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

const claims = new Judge('', 'persistentvolumeclaims', {
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
});

describe('what may be created', () => {
  const cases: readonly [sentence: string, changes: Changes, errors: readonly string[]][] = [
    ['a claim', {}, []],
    [
      'no claim without modes and size',
      { spec: {} },
      [
        'spec.accessModes: Required value: at least 1 access mode is required',
        'spec.resources[storage]: Required value',
      ],
    ],
    [
      'no size of nothing',
      { 'spec.resources.requests': { storage: '0' } },
      ['spec.resources[storage]: Invalid value: "0": must be greater than zero'],
    ],
    [
      'no selector that cannot be',
      { 'spec.selector': { matchLabels: { a: 'x y' } } },
      [`spec.selector.matchLabels: Invalid value: "x y": ${NOT_A_LABEL_VALUE}`],
    ],
    [
      'no class or mode that cannot be',
      { 'spec.storageClassName': 'A b', 'spec.volumeMode': 'x', 'spec.volumeAttributesClassName': 'A b' },
      [
        `spec.storageClassName: Invalid value: "A b": ${NOT_A_SUBDOMAIN}`,
        'spec.volumeMode: Unsupported value: "x": supported values: "Block", "Filesystem"',
        `spec.volumeAttributesClassName: Invalid value: "A b": ${NOT_A_SUBDOMAIN}`,
      ],
    ],
    [
      'no source without kind and name',
      { 'spec.dataSourceRef': { kind: '', name: '' } },
      [
        'spec.dataSource.name: Required value',
        'spec.dataSource.kind: Required value',
        'spec.dataSource: Invalid value: "": must be \'PersistentVolumeClaim\' when referencing the default apiGroup',
        'spec.dataSourceRef.name: Required value',
        'spec.dataSourceRef.kind: Required value',
        'spec.dataSourceRef: Invalid value: "": must be \'PersistentVolumeClaim\' when referencing the default apiGroup',
      ],
    ],
    [
      'no source of no group that is no claim',
      { 'spec.dataSourceRef': { kind: 'Pod', name: 'x' } },
      [
        'spec.dataSource: Invalid value: "Pod": must be \'PersistentVolumeClaim\' when referencing the default apiGroup',
        'spec.dataSourceRef: Invalid value: "Pod": must be \'PersistentVolumeClaim\' when referencing the default apiGroup',
      ],
    ],
    [
      'no two sources that differ',
      {
        'spec.dataSource': { kind: 'PersistentVolumeClaim', name: 'x' },
        'spec.dataSourceRef': { kind: 'PersistentVolumeClaim', name: 'y' },
      },
      ['spec: Invalid value: {}: must match dataSourceRef'],
    ],
    ['a source that is ignored', { 'spec.dataSource': { kind: 'Pod', name: 'x' } }, []],
    [
      'a source in another namespace, which is ignored',
      { 'spec.dataSourceRef': { kind: 'PersistentVolumeClaim', name: 'x', namespace: 'other' } },
      [],
    ],
  ];
  it.each(cases)('%s', (_, changes, errors) => {
    expect(claims.created(changes)).toEqual(errors);
  });
});

describe('what may become of a claim', () => {
  const cases: readonly [sentence: string, changes: Changes, errors: readonly string[], before?: Changes][] = [
    ['a volume', { 'spec.volumeName': 'v' }, [], {}],
    ['a class, where it had none', { 'spec.storageClassName': 'x' }, [], {}],
    [
      'the class of its annotation',
      { 'spec.storageClassName': 'x' },
      [],
      { 'metadata.annotations': { 'volume.beta.kubernetes.io/storage-class': 'x' } },
    ],
    [
      'no other annotation',
      { 'metadata.annotations': { 'volume.beta.kubernetes.io/storage-class': 'y' } },
      ['metadata.annotations.volume.beta.kubernetes.io/storage-class: Invalid value: "y": field is immutable'],
      { 'metadata.annotations': { 'volume.beta.kubernetes.io/storage-class': 'x' } },
    ],
    [
      'a larger size, once it is bound',
      { 'spec.resources.requests': { storage: '2Gi' } },
      [],
      { 'status.phase': 'Bound', 'status.capacity': { storage: '1Gi' } },
    ],
    [
      'the way back from a size that was never reached',
      { 'spec.resources.requests': { storage: '2Gi' } },
      [],
      { 'status.phase': 'Bound', 'status.capacity': { storage: '1Gi' }, 'spec.resources.requests': { storage: '3Gi' } },
    ],
    [
      'no smaller size than the volume has',
      { 'spec.resources.requests': { storage: '512Mi' } },
      ['spec.resources.requests.storage: Forbidden: field can not be less than status.capacity'],
      { 'status.phase': 'Bound', 'status.capacity': { storage: '1Gi' } },
    ],
    [
      'a new class of attributes, once it is bound',
      { 'spec.volumeAttributesClassName': 'gold' },
      [],
      { 'status.phase': 'Bound', 'status.capacity': { storage: '1Gi' } },
    ],
    [
      'no loss of a class of attributes that is in force',
      { 'spec.volumeAttributesClassName': '' },
      [
        'spec.volumeAttributesClassName: Forbidden: update to empty string is forbidden when status.currentVolumeAttributesClassName is not nil',
      ],
      {
        'status.phase': 'Bound',
        'status.capacity': { storage: '1Gi' },
        'spec.volumeAttributesClassName': 'gold',
        'status.currentVolumeAttributesClassName': 'gold',
      },
    ],
    [
      'no class of attributes that is withdrawn',
      { 'spec.volumeAttributesClassName': undefined },
      [
        'spec.volumeAttributesClassName: Forbidden: update to nil is forbidden when status.currentVolumeAttributesClassName is not nil',
      ],
      {
        'status.phase': 'Bound',
        'status.capacity': { storage: '1Gi' },
        'spec.volumeAttributesClassName': 'gold',
        'status.currentVolumeAttributesClassName': 'gold',
      },
    ],
    [
      'the selector that is stored',
      { 'metadata.labels': { a: 'b' } },
      [],
      { 'spec.selector': { matchExpressions: [{ key: 'a', operator: 'In', values: ['x y'] }] } },
    ],
  ];
  it.each(cases)('%s', (_, changes, errors, before = {}) => {
    expect(claims.changed(changes, before)).toEqual(errors);
  });
});

describe('what may be told of a claim', () => {
  const cases: readonly [sentence: string, changes: Changes, errors: readonly string[]][] = [
    ['a size', { 'status.capacity': { storage: '1Gi' } }, []],
    [
      'no size below zero',
      { 'status.capacity': { storage: '-1' }, 'status.allocatedResources': { storage: '-2' } },
      [
        'status.capacity[storage]: Invalid value: -1: must be a valid resource quantity',
        'status.allocatedResources[storage]: Invalid value: -2: must be a valid resource quantity',
      ],
    ],
    [
      'no resource that claims do not have',
      {
        'status.allocatedResources': { cpu: '1' },
        'status.allocatedResourceStatuses': { memory: 'NodeResizePending' },
      },
      [
        'status.allocatedResourceStatuses: Unsupported value: "memory": supported values: "storage"',
        'status.allocatedResources: Unsupported value: "cpu": supported values: "storage"',
      ],
    ],
    [
      'no resource without name, nor a state that is unknown',
      { 'status.allocatedResources': { 'a b': '1' }, 'status.allocatedResourceStatuses': { storage: 'x' } },
      [
        'status.allocatedResourceStatuses: Unsupported value: "storage": supported values: "ControllerResizeInProgress", "ControllerResizeInfeasible", "NodeResizeInProgress", "NodeResizeInfeasible", "NodeResizePending"',
        `status.allocatedResources: Invalid value: "a b": ${NOT_A_NAME_PART}`,
      ],
    ],
  ];
  it.each(cases)('%s', (_, changes, errors) => {
    expect(claims.changed(changes, {}, 'status')).toEqual(errors);
  });
});

describe('what is told of a new one', () => {
  const cases: readonly [sentence: string, changes: Changes, warnings: readonly string[]][] = [
    ['nothing of a good claim', {}, []],
    [
      'that the annotation of a claim is a field now',
      { 'metadata.annotations': { 'volume.beta.kubernetes.io/storage-class': 'x' } },
      [
        'metadata.annotations[volume.beta.kubernetes.io/storage-class]: deprecated since v1.8; use "storageClassName" attribute instead',
      ],
    ],
    [
      'that a claim asks for parts of a byte',
      { 'spec.resources': { requests: { storage: '1500m' }, limits: { storage: '2500m' } } },
      [
        'spec.resources.requests[storage]: fractional byte value "1500m" is invalid, must be an integer',
        'spec.resources.limits[storage]: fractional byte value "2500m" is invalid, must be an integer',
      ],
    ],
  ];
  it.each(cases)('%s', (_, changes, warnings) => {
    expect(claims.warned(changes)).toEqual(warnings);
  });
});
