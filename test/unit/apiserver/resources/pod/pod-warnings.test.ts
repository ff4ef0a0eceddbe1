import { describe, expect, it } from 'vitest';
import { type Changes, Judge } from '../judge.ts';

const NOT_A_LABEL_VALUE =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

const pods = new Judge('', 'pods', { spec: { containers: [{ name: 'app', image: 'nginx' }] } });

describe('what is told of a new pod', () => {
  const cases: readonly [sentence: string, changes: Changes, warnings: readonly string[]][] = [
    ['nothing of a good one', {}, []],
    [
      'that a name is no host name',
      { 'metadata.name': 'a.b' },
      [
        "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]",
      ],
    ],
    [
      'that labels of nodes have other names',
      {
        'spec.nodeSelector': { 'beta.kubernetes.io/arch': 'x' },
        'spec.affinity': {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [
                {
                  matchExpressions: [{ key: 'failure-domain.beta.kubernetes.io/zone', operator: 'In', values: ['a'] }],
                },
              ],
            },
            preferredDuringSchedulingIgnoredDuringExecution: [
              { weight: 1, preference: { matchExpressions: [{ key: 'a', operator: 'In', values: ['x y'] }] } },
            ],
          },
        },
      },
      [
        'spec.nodeSelector[beta.kubernetes.io/arch]: deprecated since v1.14; use "kubernetes.io/arch" instead',
        'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].key: failure-domain.beta.kubernetes.io/zone is deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
        `spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchExpressions[0].values[0]: x y is invalid, ${NOT_A_LABEL_VALUE}`,
      ],
    ],
    [
      'that a topology has another name',
      {
        'spec.topologySpreadConstraints': [
          { maxSkew: 1, topologyKey: 'failure-domain.beta.kubernetes.io/zone', whenUnsatisfiable: 'ScheduleAnyway' },
        ],
      },
      [
        'spec.topologySpreadConstraints[0].topologyKey: failure-domain.beta.kubernetes.io/zone is deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
        'spec.topologySpreadConstraints[0].labelSelector: a null labelSelector results in matching no pod',
      ],
    ],
    [
      'that an annotation means nothing any more',
      { 'metadata.annotations': { 'scheduler.alpha.kubernetes.io/critical-pod': '' } },
      [
        'metadata.annotations[scheduler.alpha.kubernetes.io/critical-pod]: non-functional in v1.16+; use the "priorityClassName" field instead',
      ],
    ],
    [
      'that plugins are gone',
      {
        'spec.volumes': [
          { name: 'a', gitRepo: { repository: 'x' } },
          { name: 'b', glusterfs: { endpoints: 'a', path: 'b' } },
        ],
      },
      [
        'spec.volumes[0].gitRepo: deprecated in v1.11, and disabled by default in v1.33+',
        'spec.volumes[1].glusterfs: deprecated in v1.25, non-functional in v1.26+',
      ],
    ],
    [
      'that one file hides another',
      {
        'spec.volumes': [
          {
            name: 'a',
            configMap: {
              name: 'x',
              items: [
                { key: 'a', path: 'f' },
                { key: 'b', path: 'f/g' },
              ],
            },
          },
        ],
      },
      ['volume "a" (ConfigMap "x"): overlapping paths: "f/g" with "f"'],
    ],
    [
      'that an alias, a secret for images, or a variable comes twice',
      {
        'spec.hostAliases': [{ ip: '1.1.1.1' }, { ip: '1.1.1.1' }],
        'spec.imagePullSecrets': [{ name: 'x' }, { name: 'x' }, { name: '' }],
        'spec.containers.0.env': [
          { name: 'A', value: '1' },
          { name: 'A', value: '2' },
        ],
      },
      [
        'spec.hostAliases[1].ip: duplicate ip "1.1.1.1"',
        'spec.imagePullSecrets[1].name: duplicate name "x"',
        'spec.imagePullSecrets[2].name: invalid empty name ""',
        'spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply',
      ],
    ],
    [
      'that parts of a byte are asked for',
      { 'spec.containers.0.resources': { limits: { memory: '1500m' } } },
      [
        'spec.containers[0].resources.limits[memory]: fractional byte value "1500m" is invalid, must be an integer',
        'spec.containers[0].resources.requests[memory]: fractional byte value "1500m" is invalid, must be an integer',
      ],
    ],
    [
      'that a port comes twice',
      {
        'spec.containers.0.ports': [
          { containerPort: 80, name: 'a' },
          { containerPort: 80, name: 'b' },
        ],
      },
      ['spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]'],
    ],
    [
      'that hooks and probes have no host of their own',
      {
        'spec.containers.0.livenessProbe': { httpGet: { port: 80, host: 'x' } },
        'spec.containers.0.lifecycle': { postStart: { httpGet: { port: 80, host: 'x' } } },
      },
      [],
    ],
    ['that an ended pod has no grace', { 'spec.terminationGracePeriodSeconds': -1 }, []],
    [
      'how addresses are better spelled',
      { 'spec.hostAliases': [{ ip: 'FD00::1' }], 'spec.dnsConfig': { nameservers: ['FD00::1'] } },
      [
        'spec.dnsConfig.nameservers[0]: IPv6 address "FD00::1" should be in RFC 5952 canonical format ("fd00::1")',
        'spec.hostAliases[0].ip: IPv6 address "FD00::1" should be in RFC 5952 canonical format ("fd00::1")',
      ],
    ],
  ];
  it.each(cases)('%s', (_, changes, warnings) => {
    expect(pods.warned(changes)).toEqual(warnings);
  });
});
