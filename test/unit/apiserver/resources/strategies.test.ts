import { beforeAll, describe, expect, it } from 'vitest';
import { loadPackages } from '../../../../src/api/schema/packages.ts';
import { allResources, findResource } from '../../../../src/api/schema/resources/registry.ts';
import { fieldErrorText } from '../../../../src/api/validation/field-error.ts';
import { userInfo } from '../../../../src/apiserver/authn/user.ts';
import { strategyFor } from '../../../../src/apiserver/resources/strategies.ts';
import type { ApiObject, StrategyContext } from '../../../../src/apiserver/resources/strategy.ts';

const context: StrategyContext = {
  now: '2026-01-02T03:04:05Z',
  user: userInfo('alice', ['dev']),
  newUid: () => 'uid-1',
  randomSuffix: () => 'abcde',
  warn: () => undefined,
};

beforeAll(async () => {
  await loadPackages();
});

function strategy(group: string, plural: string, version = 'v1') {
  const resource = findResource(group, version, plural);
  if (resource === undefined) throw new Error(`no resource ${plural}`);
  return strategyFor(resource);
}

const object = (rest: object): ApiObject => ({ metadata: { name: 'web', namespace: 'default' }, ...rest });
const container = {
  name: 'app',
  image: 'nginx',
  imagePullPolicy: 'Always',
  resources: {},
  terminationMessagePolicy: 'File',
};
const podSpec = {
  containers: [container],
  restartPolicy: 'Always',
  terminationGracePeriodSeconds: 30,
  dnsPolicy: 'ClusterFirst',
};
const template = { metadata: { labels: { app: 'web' } }, spec: podSpec };
const selector = { matchLabels: { app: 'web' } };
const rolling = { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%' } };
const deployment = { spec: { replicas: 1, selector, template, strategy: rolling }, status: {} };
const servicePort = { port: 80, targetPort: 80, protocol: 'TCP' };
const service = {
  spec: { type: 'ClusterIP', ports: [servicePort], sessionAffinity: 'None', internalTrafficPolicy: 'Cluster' },
  status: { loadBalancer: {} },
};
const claim = { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } }, status: {} };
const statefulSet = {
  spec: {
    replicas: 1,
    selector,
    template,
    serviceName: 'web',
    podManagementPolicy: 'OrderedReady',
    updateStrategy: { type: 'RollingUpdate' },
  },
  status: { replicas: 0, availableReplicas: 0 },
};
const job = {
  spec: { template: { metadata: {}, spec: { ...podSpec, restartPolicy: 'Never' } }, completionMode: 'NonIndexed' },
  status: {},
};

describe('what may be created', () => {
  const cases: readonly [sentence: string, group: string, plural: string, object: object, errors: readonly string[]][] =
    [
      ['a deployment that is fine', 'apps', 'deployments', deployment, []],
      [
        'a deployment whose template its selector does not find',
        'apps',
        'deployments',
        { ...deployment, spec: { ...deployment.spec, selector: { matchLabels: { app: 'other' } } } },
        ['spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`'],
      ],
      [
        'a deployment that could neither add nor remove pods',
        'apps',
        'deployments',
        {
          ...deployment,
          spec: { ...deployment.spec, strategy: { ...rolling, rollingUpdate: { maxUnavailable: 0, maxSurge: 0 } } },
        },
        ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0'],
      ],
      ['a stateful set that is fine', 'apps', 'statefulsets', statefulSet, []],
      ['a service that is fine', '', 'services', service, []],
      [
        'a service without ports',
        '',
        'services',
        { ...service, spec: { ...service.spec, ports: [] } },
        ['spec.ports: Required value'],
      ],
      [
        'a node port on a service that has none',
        '',
        'services',
        { ...service, spec: { ...service.spec, ports: [{ ...servicePort, nodePort: 30000 }] } },
        ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
      ],
      [
        'a config map with an empty key',
        '',
        'configmaps',
        { data: { '': 'x' } },
        [
          "data[]: Invalid value: \"\": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
        ],
      ],
      [
        'a TLS secret without a key',
        '',
        'secrets',
        { type: 'kubernetes.io/tls', data: { 'tls.crt': 'eA==' } },
        ['data[tls.key]: Required value'],
      ],
      [
        'a claim without size',
        '',
        'persistentvolumeclaims',
        { ...claim, spec: { accessModes: ['ReadWriteOnce'], resources: {} } },
        ['spec.resources[storage]: Required value'],
      ],
      [
        'a job whose pods would run again for ever',
        'batch',
        'jobs',
        { ...job, spec: { ...job.spec, template: { metadata: {}, spec: podSpec } } },
        ['spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'],
      ],
      [
        'a role that names no verb',
        'rbac.authorization.k8s.io',
        'roles',
        { rules: [{ verbs: [], apiGroups: [''], resources: ['pods'] }] },
        ['rules[0].verbs: Required value: verbs must contain at least one value'],
      ],
      [
        'a budget with both bounds',
        'policy',
        'poddisruptionbudgets',
        { spec: { minAvailable: 1, maxUnavailable: 1 } },
        [
          'spec: Invalid value: {"minAvailable":1,"maxUnavailable":1}: minAvailable and maxUnavailable cannot be both set',
        ],
      ],
      [
        'a lease that lasts no time',
        'coordination.k8s.io',
        'leases',
        { spec: { leaseDurationSeconds: 0 } },
        ['spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0'],
      ],
      [
        'a network policy that excepts what it does not allow',
        'networking.k8s.io',
        'networkpolicies',
        {
          spec: {
            podSelector: {},
            ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.0/16', except: ['10.1.0.0/24'] } }] }],
          },
        },
        ['spec.ingress[0].from[0].ipBlock.except[0]: Invalid value: "10.1.0.0/24": must be a strict subset of `cidr`'],
      ],
    ];
  it.each(cases)('%s', (_, group, plural, body, errors) => {
    const rules = strategy(group, plural);
    const prepared = rules.prepareForCreate(object(body), context);
    expect(rules.validate(prepared, context).map(fieldErrorText)).toEqual(errors);
  });
});

describe('what may be changed', () => {
  const meta = { resourceVersion: '5', uid: 'uid-1', creationTimestamp: context.now, generation: 1 };
  const cases: readonly [string, string, string, object, object, readonly string[]][] = [
    [
      'the scale of a deployment',
      'apps',
      'deployments',
      deployment,
      { ...deployment, spec: { ...deployment.spec, replicas: 3 } },
      [],
    ],
    [
      'the selector of a deployment',
      'apps',
      'deployments',
      deployment,
      {
        ...deployment,
        spec: {
          ...deployment.spec,
          selector: { matchLabels: { a: 'b' } },
          template: { ...template, metadata: { labels: { a: 'b' } } },
        },
      },
      ['spec.selector: Invalid value: {"matchLabels":{"a":"b"}}: field is immutable'],
    ],
    [
      'the service of a stateful set',
      'apps',
      'statefulsets',
      statefulSet,
      { ...statefulSet, spec: { ...statefulSet.spec, serviceName: 'other' } },
      [
        "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
      ],
    ],
    [
      'the type of a secret',
      '',
      'secrets',
      { type: 'Opaque' },
      { type: 'other' },
      ['type: Invalid value: "other": field is immutable'],
    ],
    [
      'an immutable config map',
      '',
      'configmaps',
      { immutable: true, data: { a: '1' } },
      { immutable: true, data: { a: '2' } },
      ['data: Forbidden: field is immutable when `immutable` is set'],
    ],
    [
      'the cluster IP of a service',
      '',
      'services',
      { ...service, spec: { ...service.spec, clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1'] } },
      { ...service, spec: { ...service.spec, clusterIP: '10.0.0.2', clusterIPs: ['10.0.0.2'] } },
      ['spec.clusterIPs[0]: Invalid value: ["10.0.0.2"]: may not change once set'],
    ],
    [
      'the value of a priority class',
      'scheduling.k8s.io',
      'priorityclasses',
      { value: 1 },
      { value: 2 },
      ['value: Forbidden: may not be changed in an update.'],
    ],
  ];
  it.each(cases)('%s', (_, group, plural, before, after, errors) => {
    const rules = strategy(group, plural);
    const namespace = rules.resource.scope === 'namespaced' ? { namespace: 'default' } : {};
    const old = { metadata: { name: 'web', ...namespace, ...meta }, ...before };
    const next = { metadata: { name: 'web', ...namespace, ...meta }, ...after };
    const prepared = rules.prepareForUpdate(next, old, context);
    expect(rules.validateUpdate(prepared, old, context).map(fieldErrorText)).toEqual(errors);
  });

  it('raises the generation where the spec changes and not elsewhere', () => {
    const rules = strategy('apps', 'deployments');
    const old = { metadata: { name: 'web', namespace: 'default', ...meta }, ...deployment };
    const scaled = { ...old, spec: { ...deployment.spec, replicas: 2 } };
    const labelled = { ...old, metadata: { ...old.metadata, labels: { a: 'b' } } };
    expect(rules.prepareForUpdate(scaled, old, context).metadata.generation).toBe(2);
    expect(rules.prepareForUpdate(labelled, old, context).metadata.generation).toBe(1);
  });

  it('keeps the status out of the main resource and the spec out of status', () => {
    const rules = strategy('apps', 'deployments');
    const old = { metadata: { name: 'web', namespace: 'default', ...meta }, ...deployment };
    const written = { ...old, spec: { ...deployment.spec, replicas: 9 }, status: { replicas: 9 } };
    expect(rules.prepareForUpdate(written, old, context)).toMatchObject({ spec: { replicas: 9 }, status: {} });
    expect(rules.subresources.get('status')?.prepareForUpdate(written, old, context)).toMatchObject({
      spec: { replicas: 1 },
      status: { replicas: 9 },
    });
  });
});

describe('every served resource', () => {
  const resources = allResources().filter(resource => resource.served && resource.storage !== undefined);
  it.each(resources.map(resource => [`${resource.plural}.${resource.group}`, resource] as const))(
    '%s has a strategy with columns, fields and its status',
    (_, resource) => {
      const rules = strategyFor(resource);
      expect(rules.columns.definitions.length).toBeGreaterThan(1);
      expect(rules.columns.definitions.filter(({ description }) => description === '')).toEqual([]);
      expect(rules.subresources.has('status')).toBe(resource.subresources.some(sub => sub.name === 'status'));
      expect(strategyFor(resource)).toBe(rules);
    },
  );
});

describe('columns', () => {
  const undescribed = ['', 'discovery.k8s.io', 'events.k8s.io'];
  const others = allResources().filter(
    ({ served, storage, group }) => served && storage && !undescribed.includes(group),
  );
  it.each(others.map(resource => [`${resource.plural}.${resource.group}`, resource] as const))(
    'of %s say what they mean',
    (_, resource) => {
      const { definitions } = strategyFor(resource).columns;
      expect(definitions.filter(({ description }) => description === '').map(({ name }) => name)).toEqual([]);
    },
  );

  it('shows a deployment as kubectl prints it', () => {
    const rules = strategy('apps', 'deployments');
    const made = { ...object(deployment), metadata: { name: 'web', creationTimestamp: context.now } };
    expect(rules.columns.cells(made, Date.parse('2026-01-02T03:07:35Z'))).toEqual([
      'web',
      '0/1',
      0,
      0,
      '3m30s',
      'app',
      'nginx',
      'app=web',
    ]);
  });

  it.each([
    ['a claim', 'persistentvolumeclaims', claim, { phase: 'Pending' }],
    ['a namespace', 'namespaces', { spec: {}, status: {} }, { phase: 'Active' }],
    ['a quota', 'resourcequotas', { spec: { hard: { pods: '1' } }, status: { hard: { pods: '1' } } }, {}],
  ])('gives %s the status of a new one, whatever its maker says', (_, plural, body, status) => {
    const made = strategy('', plural).prepareForCreate(object({ ...body, status: { phase: 'Lost' } }), context);
    expect(made).toMatchObject({ status });
    expect(JSON.stringify(made)).not.toContain('Lost');
  });

  it('has a cell for every definition', () => {
    for (const [group, plural, body] of [
      ['apps', 'deployments', deployment],
      ['apps', 'statefulsets', statefulSet],
      ['', 'services', service],
      ['', 'persistentvolumeclaims', claim],
      ['batch', 'jobs', job],
      ['', 'pods', { spec: podSpec, status: {} }],
    ] as const) {
      const { columns } = strategy(group, plural);
      expect(columns.cells(object(body), 0)).toHaveLength(columns.definitions.length);
    }
  });
});
