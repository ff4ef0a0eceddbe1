import { describe, expect, it } from 'vitest';
import { type Changes, Judge } from './judge.ts';

const NOT_A_LABEL =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const NOT_A_NAME_PART =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

const ranges = new Judge('', 'limitranges', {
  spec: { limits: [{ type: 'Container', max: { cpu: '2' }, min: { cpu: '1' } }] },
});
const quotas = new Judge('', 'resourcequotas', { spec: { hard: { pods: '10' } } });
const controllers = new Judge('', 'replicationcontrollers', {
  spec: {
    selector: { app: 'web' },
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'app', image: 'nginx' }] } },
  },
});
const templates = new Judge('', 'podtemplates', {
  template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'app', image: 'nginx' }] } },
});

describe('what may be created', () => {
  const cases: readonly [sentence: string, kind: Judge, changes: Changes, errors: readonly string[]][] = [
    ['the limits of a namespace', ranges, {}, []],
    [
      'no limit above its own most',
      ranges,
      {
        'spec.limits': [
          {
            type: 'Container',
            max: { cpu: '1' },
            min: { cpu: '2' },
            default: { cpu: '3' },
            defaultRequest: { cpu: '4' },
            maxLimitRequestRatio: { cpu: '0.5' },
          },
        ],
      },
      [
        'spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1',
        'spec.limits[0].defaultRequest[cpu]: Invalid value: "4": default request value 4 is greater than max value 1',
        'spec.limits[0].defaultRequest[cpu]: Invalid value: "4": default request value 4 is greater than default limit value 3',
        'spec.limits[0].default[cpu]: Invalid value: "1": default value 3 is greater than max value 1',
        'spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: "500m": ratio 500m is less than 1',
      ],
    ],
    [
      'no defaults for pods, nor one type twice',
      ranges,
      { 'spec.limits': [{ type: 'Pod', default: { cpu: '1' }, defaultRequest: { cpu: '1' } }, { type: 'Pod' }] },
      [
        "spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'",
        "spec.limits[0].defaultRequest: Forbidden: may not be specified when `type` is 'Pod'",
        'spec.limits[1].type: Duplicate value: "Pod"',
      ],
    ],
    [
      'no limit of claims for anything but storage',
      ranges,
      { 'spec.limits': [{ type: 'PersistentVolumeClaim', max: { cpu: '1' } }] },
      [
        'spec.limits[0].limits: Required value: either minimum or maximum storage value is required, but neither was provided',
      ],
    ],
    [
      'no limit of a resource without name, nor of a type without name',
      ranges,
      { 'spec.limits': [{ type: 'x', max: { 'a b': '-1' } }] },
      [
        'spec.limits[0].type: Invalid value: "x": must be a standard limit type or fully qualified',
        `spec.limits[0].max[a b]: Invalid value: "a b": ${NOT_A_NAME_PART}`,
      ],
    ],
    ['a quota', quotas, {}, []],
    ['a quota of counted kinds', quotas, { 'spec.hard': { 'count/deployments.apps': '1' } }, []],
    [
      'no quota of what cannot be counted',
      quotas,
      { 'spec.hard': { 'a b': '1' } },
      [
        `spec.hard[a b]: Invalid value: "a b": ${NOT_A_NAME_PART}`,
        'spec.hard[a b]: Invalid value: "a b": must be a standard resource for quota',
      ],
    ],
    [
      'no quota of half a pod',
      quotas,
      { 'spec.hard': { pods: '0.5' } },
      ['spec.hard[pods]: Invalid value: "500m": must be an integer'],
    ],
    [
      'no quota below zero',
      quotas,
      { 'spec.hard': { pods: '-1' } },
      ['spec.hard[pods]: Invalid value: "-1": must be greater than or equal to 0'],
    ],
    [
      'no scopes that exclude each other',
      quotas,
      { 'spec.scopes': ['Terminating', 'NotTerminating'] },
      ['spec.scopes: Invalid value: ["Terminating","NotTerminating"]: conflicting scopes'],
    ],
    [
      'no scope that is unknown, nor one that does not fit',
      quotas,
      { 'spec.hard': { services: '1' }, 'spec.scopes': ['x', 'Terminating'] },
      [
        'spec.scopes: Invalid value: ["x","Terminating"]: unsupported scope',
        'spec.scopes: Invalid value: ["x","Terminating"]: unsupported scope applied to resource',
      ],
    ],
    [
      'no selector of scopes that cannot be',
      quotas,
      {
        'spec.scopeSelector': {
          matchExpressions: [
            { scopeName: 'PriorityClass', operator: 'In' },
            { scopeName: 'BestEffort', operator: 'In', values: ['x'] },
            { scopeName: 'NotBestEffort', operator: 'x' },
          ],
        },
      },
      [
        "spec.scopeSelector.matchExpressions.values: Required value: must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
        'spec.scopeSelector.matchExpressions.operator: Invalid value: "In": must be \'Exists\' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity',
        'spec.scopeSelector.matchExpressions.operator: Invalid value: "x": must be \'Exists\' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity',
        'spec.scopeSelector.matchExpressions.operator: Invalid value: "x": not a valid selector operator',
        'spec.scopeSelector.matchExpressions: Invalid value: null: conflicting scopes',
      ],
    ],
    ['a controller', controllers, {}, []],
    [
      'no controller without selector and template',
      controllers,
      { spec: { replicas: -1, minReadySeconds: -1 } },
      [
        'spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0',
        'spec.selector: Required value',
        'spec.replicas: Invalid value: -1: must be greater than or equal to 0',
        'spec.template: Required value',
      ],
    ],
    [
      'no controller of pods that it does not find',
      controllers,
      { 'spec.selector': { app: 'api' } },
      ['spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`'],
    ],
    [
      'no controller of pods that end',
      controllers,
      { 'spec.template.spec.restartPolicy': 'Never', 'spec.template.spec.activeDeadlineSeconds': 1 },
      [
        'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
        'spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicationController is not Supported',
      ],
    ],
    ['a template', templates, {}, []],
    [
      'no template with a bad container',
      templates,
      { 'template.spec.containers': [{ name: 'A_b' }] },
      [
        `template.spec.containers[0].name: Invalid value: "A_b": ${NOT_A_LABEL}`,
        'template.spec.containers[0].image: Required value',
      ],
    ],
    [
      'no template with containers for debugging',
      templates,
      { 'template.spec.ephemeralContainers': [{ name: 'debug', image: 'x' }] },
      ['template.spec.ephemeralContainers: Forbidden: ephemeral containers not allowed in pod template'],
    ],
  ];
  it.each(cases)('%s', (_, kind, changes, errors) => {
    expect(kind.created(changes)).toEqual(errors);
  });
});

describe('what may become of them', () => {
  const cases: readonly [sentence: string, changes: Changes, errors: readonly string[], before?: Changes][] = [
    [
      'no other scopes of a quota',
      { 'spec.scopes': ['BestEffort'] },
      ['spec.scopes: Invalid value: ["BestEffort"]: field is immutable'],
      {},
    ],
  ];
  it.each(cases)('%s', (_, changes, errors, before = {}) => {
    expect(quotas.changed(changes, before)).toEqual(errors);
  });
});

describe('what may be told of them', () => {
  const cases: readonly [
    sentence: string,
    kind: Judge,
    changes: Changes,
    errors: readonly string[],
    before?: Changes,
  ][] = [
    [
      'no more pods of a controller than it has',
      controllers,
      {
        'status.replicas': 1,
        'status.readyReplicas': 2,
        'status.availableReplicas': 3,
        'status.fullyLabeledReplicas': -1,
      },
      [
        'status.fullyLabeledReplicas: Invalid value: -1: must be greater than or equal to 0',
        'status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas',
        'status.availableReplicas: Invalid value: 3: cannot be greater than status.replicas',
        'status.availableReplicas: Invalid value: 3: cannot be greater than readyReplicas',
      ],
      {},
    ],
    [
      'no use of a quota below zero',
      quotas,
      { 'status.used': { pods: '-1' }, 'status.hard': { 'a b': '1' } },
      [
        `status.hard[a b]: Invalid value: "a b": ${NOT_A_NAME_PART}`,
        'status.hard[a b]: Invalid value: "a b": must be a standard resource for quota',
        'status.used[pods]: Invalid value: "-1": must be greater than or equal to 0',
      ],
      {},
    ],
  ];
  it.each(cases)('%s', (_, kind, changes, errors, before = {}) => {
    expect(kind.changed(changes, before, 'status')).toEqual(errors);
  });
});

describe('what is told of new ones', () => {
  const cases: readonly [sentence: string, kind: Judge, changes: Changes, warnings: readonly string[]][] = [
    [
      'that pods get the name of their controller',
      controllers,
      { 'metadata.name': 'a.b' },
      [
        'metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]',
      ],
    ],
    [
      'that a template asks for parts of a byte',
      templates,
      { 'template.spec.containers.0.resources': { limits: { memory: '1500m' } } },
      [
        'template.spec.containers[0].resources.limits[memory]: fractional byte value "1500m" is invalid, must be an integer',
      ],
    ],
  ];
  it.each(cases)('%s', (_, kind, changes, warnings) => {
    expect(kind.warned(changes)).toEqual(warnings);
  });
});
