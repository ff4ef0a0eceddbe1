import { describe, expect, it } from 'vitest';
import { type Changes, Judge } from '../judge.ts';

const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'app', image: 'nginx' }] } };
const workload = { spec: { selector: { matchLabels: { app: 'web' } }, template } };
const deployments = new Judge('apps', 'deployments', workload);
const replicaSets = new Judge('apps', 'replicasets', workload);
const daemonSets = new Judge('apps', 'daemonsets', workload);
const statefulSets = new Judge('apps', 'statefulsets', { spec: { ...workload.spec, serviceName: 'web' } });
const revisions = new Judge('apps', 'controllerrevisions', { data: { a: 1 }, revision: 1 });

const NO_MATCH =
  'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`';
const PERCENT =
  "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";

describe('what may be created', () => {
  const cases: readonly [sentence: string, kind: Judge, changes: Changes, errors: readonly string[]][] = [
    ['a deployment', deployments, {}, []],
    ['a replica set', replicaSets, {}, []],
    ['a daemon set', daemonSets, {}, []],
    ['a stateful set', statefulSets, {}, []],
    ['a revision', revisions, {}, []],
    [
      'no deployment without selector: it finds no pod, not those of its template either',
      deployments,
      { 'spec.selector': undefined },
      ['spec.selector: Required value', NO_MATCH],
    ],
    [
      'no replica set with an empty selector, whatever its template has',
      replicaSets,
      { 'spec.selector': {} },
      ['spec.selector: Invalid value: {}: empty selector is invalid for deployment'],
    ],
    [
      'no deployment with a selector that cannot be read; its template is not looked at then',
      deployments,
      {
        'spec.selector': { matchExpressions: [{ key: 'app', operator: 'Gt', values: ['1'] }] },
        'spec.template.spec.restartPolicy': 'Never',
      },
      [
        'spec.selector.matchExpressions[0].operator: Invalid value: "Gt": not a valid selector operator',
        'spec.selector: Invalid value: {"matchExpressions":[{"key":"app","operator":"Gt","values":["1"]}]}: invalid label selector',
      ],
    ],
    [
      'no stateful set with one, which upstream says nothing more of',
      statefulSets,
      { 'spec.selector': { matchExpressions: [{ key: 'app', operator: 'Gt', values: ['1'] }] } },
      [
        'spec.selector.matchExpressions[0].operator: Invalid value: "Gt": not a valid selector operator',
        'spec.selector: Invalid value: {"matchExpressions":[{"key":"app","operator":"Gt","values":["1"]}]}',
      ],
    ],
    [
      'no daemon set with one, though only its selector is told',
      daemonSets,
      { 'spec.selector': { matchExpressions: [{ key: 'app', operator: 'Gt', values: ['1'] }] } },
      ['spec.selector.matchExpressions[0].operator: Invalid value: "Gt": not a valid selector operator'],
    ],
    ['no daemon set without selector', daemonSets, { 'spec.selector': undefined }, [NO_MATCH]],
    [
      'no deployment whose pods end',
      deployments,
      { 'spec.template.spec.restartPolicy': 'OnFailure', 'spec.template.spec.activeDeadlineSeconds': 5 },
      [
        'spec.template.spec.restartPolicy: Unsupported value: "OnFailure": supported values: "Always"',
        'spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicaSet is not Supported',
      ],
    ],
    [
      'no deployment that gives up before its pods can be ready',
      deployments,
      { 'spec.progressDeadlineSeconds': 5, 'spec.minReadySeconds': 5 },
      ['spec.progressDeadlineSeconds: Invalid value: 5: must be greater than minReadySeconds'],
    ],
    [
      'a deployment whose surge is text that is no percentage is told that only',
      deployments,
      { 'spec.strategy.rollingUpdate': { maxUnavailable: 0, maxSurge: '5' } },
      [`spec.strategy.rollingUpdate.maxSurge: Invalid value: "5": ${PERCENT}`],
    ],
    [
      'no deployment that may take away more than all',
      deployments,
      { 'spec.strategy.rollingUpdate.maxUnavailable': '101%' },
      ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "101%": must not be greater than 100%'],
    ],
    [
      'no recreating deployment with a rolling update',
      deployments,
      { 'spec.strategy': { type: 'Recreate', rollingUpdate: {} } },
      ["spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"],
    ],
    [
      'no daemon set that both surges and takes away',
      daemonSets,
      { 'spec.updateStrategy': { type: 'RollingUpdate', rollingUpdate: { maxSurge: '1%', maxUnavailable: 1 } } },
      [
        'spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: "1%": may not be set when maxUnavailable is non-zero',
      ],
    ],
    [
      'no daemon set that does neither',
      daemonSets,
      { 'spec.updateStrategy': { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } } },
      ['spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0'],
    ],
    [
      'no stateful set with a service name of several labels',
      statefulSets,
      { 'spec.serviceName': 'web.local' },
      ['spec.serviceName: Invalid value: "web.local": must not contain dots'],
    ],
    [
      'no stateful set with too long a name: its pods are named after it',
      statefulSets,
      { 'metadata.name': 'x'.repeat(64) },
      [`metadata.name: Invalid value: "${'x'.repeat(64)}": must be no more than 63 characters`],
    ],
    [
      'no stateful set with a claim template that no claim could be made of',
      statefulSets,
      { 'spec.volumeClaimTemplates': [{ metadata: { name: 'data' }, spec: { resources: {} } }] },
      [
        'spec.volumeClaimTemplates[0].spec.accessModes: Required value: at least 1 access mode is required',
        'spec.volumeClaimTemplates[0].spec.resources[storage]: Required value',
      ],
    ],
    [
      'a stateful set whose containers mount what its claim templates will be; its pods are named by the controller',
      statefulSets,
      {
        'spec.volumeClaimTemplates': [
          {
            metadata: { name: 'data' },
            spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1' } } },
          },
        ],
        'spec.template.spec.containers.0.volumeMounts': [{ name: 'data', mountPath: '/data' }],
        'spec.template.spec.hostname': 'Not_A_Name',
        'spec.template.spec.subdomain': 'Not_A_Name',
      },
      [],
    ],
    [
      'no stateful set of an unknown order or update strategy',
      statefulSets,
      { 'spec.podManagementPolicy': 'Any', 'spec.updateStrategy': { type: 'Any' } },
      [
        "spec.podManagementPolicy: Invalid value: \"Any\": must be 'OrderedReady' or 'Parallel'",
        'spec.updateStrategy: Invalid value: {"type":"Any"}: must be \'RollingUpdate\' or \'OnDelete\'',
      ],
    ],
    [
      'no stateful set that retains claims in an unknown way',
      statefulSets,
      { 'spec.persistentVolumeClaimRetentionPolicy': { whenDeleted: 'Any', whenScaled: 'Delete' } },
      [
        'spec.persistentVolumeClaimRetentionPolicy.whenDeleted: Unsupported value: "Any": supported values: "Retain", "Delete"',
      ],
    ],
    [
      'no revision without data',
      revisions,
      { data: undefined, revision: -1 },
      ['revision: Invalid value: -1: must be greater than or equal to 0', 'data: Required value: data is mandatory'],
    ],
    ['no revision of a list', revisions, { data: [] }, ['data: Required value: data must be a valid JSON object']],
  ];
  it.each(cases)('%s', (_, kind, changes, errors) => {
    expect(kind.created(changes)).toEqual(errors);
  });
});

describe('what may be changed', () => {
  const cases: readonly [string, Judge, Changes, Changes, readonly string[]][] = [
    ['the scale and the template', deployments, { 'spec.replicas': 3, 'spec.template.spec.nodeName': 'n' }, {}, []],
    [
      'no selector',
      replicaSets,
      { 'spec.selector': { matchExpressions: [{ key: 'app', operator: 'Exists' }] } },
      {},
      ['spec.selector: Invalid value: {"matchExpressions":[{"key":"app","operator":"Exists"}]}: field is immutable'],
    ],
    ['the order of the ordinals of a stateful set', statefulSets, { 'spec.ordinals': { start: 3 } }, {}, []],
    [
      'no ordinal below zero',
      statefulSets,
      { 'spec.ordinals': { start: -1 } },
      {},
      ['spec.ordinals.start: Invalid value: -1: must be greater than or equal to 0'],
    ],
    [
      'no claim template',
      statefulSets,
      {
        'spec.volumeClaimTemplates': [
          { metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'], resources: {} } },
        ],
      },
      {},
      [
        "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
      ],
    ],
    [
      'a stateful set that is stored with a service name and a template which would not be let in now',
      statefulSets,
      { 'spec.replicas': 2 },
      { 'spec.serviceName': 'Not_A_Name', 'spec.template.spec.containers.0.image': undefined },
      [],
    ],
    ['no data of a revision', revisions, { data: {} }, {}, ['data: Invalid value: {}: field is immutable']],
    ['the number of a revision', revisions, { revision: 2 }, {}, []],
  ];
  it.each(cases)('%s', (_, kind, changes, before, errors) => {
    expect(kind.changed(changes, before)).toEqual(errors);
  });
});

describe('the status of a workload', () => {
  const cases: readonly [string, Judge, Changes, Changes, readonly string[]][] = [
    [
      'counts no more than there are',
      deployments,
      { status: { replicas: 1, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 3 } },
      {},
      [
        'status.updatedReplicas: Invalid value: 2: cannot be greater than status.replicas',
        'status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas',
        'status.availableReplicas: Invalid value: 3: cannot be greater than status.replicas',
        'status.availableReplicas: Invalid value: 3: cannot be greater than readyReplicas',
      ],
    ],
    [
      'counts no pods that end below zero',
      replicaSets,
      { status: { replicas: 0, terminatingReplicas: -1 } },
      {},
      ['status.terminatingReplicas: Invalid value: -1: must be greater than or equal to 0'],
    ],
    [
      'never takes a collision back',
      daemonSets,
      { 'status.collisionCount': -1 },
      { 'status.collisionCount': 1 },
      [
        'status.collisionCount: Invalid value: -1: must be greater than or equal to 0',
        'status.collisionCount: Invalid value: -1: cannot be decremented',
      ],
    ],
    [
      'does not lose its collisions either',
      statefulSets,
      { 'status.collisionCount': undefined },
      { 'status.collisionCount': 1 },
      ['status.collisionCount: Invalid value: 0: cannot be decremented'],
    ],
  ];
  it.each(cases)('%s', (_, kind, changes, before, errors) => {
    expect(kind.changed(changes, before, 'status')).toEqual(errors);
  });
});

describe('what the server sets itself', () => {
  const GENERATION = 'deprecated.daemonset.template.generation';

  it('counts the changes of a daemon set`s template in an annotation, as upstream does', () => {
    const before = { 'metadata.annotations': { [GENERATION]: '3' } };
    expect(daemonSets.prepared().metadata.annotations).toEqual({ [GENERATION]: '1' });
    const count = (changes: Changes, subresource = ''): string | undefined =>
      daemonSets.replaced(changes, before, subresource).object.metadata.annotations?.[GENERATION];
    expect(count({ 'spec.template.metadata.labels': { app: 'web', a: 'b' } })).toBe('4');
    expect(count({ 'spec.minReadySeconds': 5, 'metadata.annotations': {} })).toBe('3');
    expect(count({ 'metadata.annotations': { [GENERATION]: '9' } }, 'status')).toBe('3');
  });

  it('writes the kind of claim templates', () => {
    const object = statefulSets.prepared({ 'spec.volumeClaimTemplates': [{ metadata: { name: 'data' } }] });
    expect(object).toMatchObject({
      spec: { volumeClaimTemplates: [{ apiVersion: 'v1', kind: 'PersistentVolumeClaim' }] },
    });
  });

  it('drops maxUnavailable of a stateful set, which upstream has behind a gate, but for a set that has it', () => {
    const rolling = { 'spec.updateStrategy': { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 2 } } };
    expect(statefulSets.prepared(rolling)).toMatchObject({
      spec: { updateStrategy: { rollingUpdate: { partition: 0 } } },
    });
    expect(statefulSets.created({ 'spec.updateStrategy': { rollingUpdate: { maxUnavailable: 0 } } })).toEqual([]);
    expect(statefulSets.changed({ 'spec.updateStrategy.rollingUpdate.maxUnavailable': '0%' }, rolling)).toEqual([
      'spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: "0%": cannot be 0',
    ]);
  });

  it('warns of a name that is no host name, once: when it is given', () => {
    const dotted = deployments.object({ 'metadata.name': 'a.b' });
    expect(deployments.strategy.warnings(dotted)).toEqual([
      'metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]',
    ]);
    expect(deployments.strategy.warningsOnUpdate(dotted, dotted)).toEqual([]);
  });
});
