import { describe, expect, it } from 'vitest';
import { type Changes, Judge } from '../judge.ts';

const NOT_A_LABEL =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const NOT_A_SUBDOMAIN =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const NOT_A_NAME_PART =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const NOT_A_LABEL_VALUE =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const NOT_AN_IP = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';

const pods = new Judge('', 'pods', { spec: { containers: [{ name: 'app', image: 'nginx' }] } });

describe('where a pod may run', () => {
  const cases: readonly [sentence: string, changes: Changes, errors: readonly string[]][] = [
    [
      'no name of anything that is none',
      {
        'spec.nodeName': 'A_b',
        'spec.serviceAccountName': 'A_b',
        'spec.priorityClassName': 'A_b',
        'spec.runtimeClassName': 'A_b',
        'spec.hostname': 'a.b',
        'spec.subdomain': 'A',
      },
      [
        `spec.serviceAccountName: Invalid value: "A_b": ${NOT_A_SUBDOMAIN}`,
        `spec.nodeName: Invalid value: "A_b": ${NOT_A_SUBDOMAIN}`,
        'spec.hostname: Invalid value: "a.b": must not contain dots',
        `spec.subdomain: Invalid value: "A": ${NOT_A_LABEL}`,
        `spec.priorityClassName: Invalid value: "A_b": ${NOT_A_SUBDOMAIN}`,
        `spec.runtimeClassName: Invalid value: "A_b": ${NOT_A_SUBDOMAIN}`,
      ],
    ],
    [
      'no selector of nodes that no label can have',
      { 'spec.nodeSelector': { a: 'x y' } },
      [`spec.nodeSelector: Invalid value: "x y": ${NOT_A_LABEL_VALUE}`],
    ],
    [
      'no affinity to nodes that cannot be',
      {
        'spec.affinity': {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [] },
            preferredDuringSchedulingIgnoredDuringExecution: [
              {
                weight: 101,
                preference: {
                  matchExpressions: [
                    { key: 'a', operator: 'Gt', values: ['1', '2'] },
                    { key: 'b', operator: 'In' },
                  ],
                },
              },
            ],
          },
        },
      },
      [
        'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Required value: must have at least one node selector term',
        'spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 101: must be in the range 1-100',
        "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchExpressions[0].values: Required value: must be specified single value when `operator` is 'Lt' or 'Gt'",
        "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchExpressions[1].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
      ],
    ],
    [
      'no affinity to nodes by any field',
      {
        'spec.affinity': {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [
                {
                  matchFields: [
                    { key: 'metadata.uid', operator: 'In', values: ['x'] },
                    { key: 'metadata.name', operator: 'Exists' },
                  ],
                },
              ],
            },
          },
        },
      },
      [
        'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchFields[0].key: Invalid value: "metadata.uid": not a valid field selector key',
        'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchFields[1].operator: Invalid value: "Exists": not a valid selector operator',
      ],
    ],
    [
      'no affinity to pods without topology',
      {
        'spec.affinity': {
          podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ labelSelector: {}, topologyKey: '' }] },
        },
      },
      [
        'spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Required value: can not be empty',
        'spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Invalid value: "": name part must be non-empty',
        `spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Invalid value: "": ${NOT_A_NAME_PART}`,
      ],
    ],
    [
      'no aversion to pods that cannot be',
      {
        'spec.affinity': {
          podAntiAffinity: {
            preferredDuringSchedulingIgnoredDuringExecution: [
              {
                weight: 0,
                podAffinityTerm: {
                  labelSelector: { matchLabels: { a: 'b' } },
                  topologyKey: 'zone',
                  namespaces: ['A_b'],
                  namespaceSelector: { matchLabels: { a: 'x y' } },
                },
              },
            ],
          },
        },
      },
      [
        'spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 0: must be in the range 1-100',
        `spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].podAffinityTerm.namespaceSelector.matchLabels: Invalid value: "x y": ${NOT_A_LABEL_VALUE}`,
        `spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].podAffinityTerm.namespace: Invalid value: "A_b": ${NOT_A_LABEL}`,
      ],
    ],
    [
      'no label keys without selector, or on both sides',
      {
        'spec.affinity': {
          podAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: [
              { topologyKey: 'zone', matchLabelKeys: ['x'] },
              {
                labelSelector: { matchLabels: { a: 'b' } },
                topologyKey: 'zone',
                matchLabelKeys: ['x'],
                mismatchLabelKeys: ['x'],
              },
            ],
          },
        },
      },
      [
        'spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].matchLabelKeys: Forbidden: must not be specified when labelSelector is not set',
        'spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[1].matchLabelKeys[0]: Invalid value: "x": exists in both matchLabelKeys and mismatchLabelKeys',
      ],
    ],
    [
      'no spread that cannot be',
      {
        'spec.topologySpreadConstraints': [
          { maxSkew: 0, topologyKey: '', whenUnsatisfiable: 'x' },
          {
            maxSkew: 1,
            topologyKey: 'zone',
            whenUnsatisfiable: 'ScheduleAnyway',
            minDomains: 2,
            nodeAffinityPolicy: 'x',
            labelSelector: {},
          },
          {
            maxSkew: 1,
            topologyKey: 'zone',
            whenUnsatisfiable: 'ScheduleAnyway',
            labelSelector: {},
            matchLabelKeys: ['a b'],
          },
        ],
      },
      [
        'spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero',
        'spec.topologySpreadConstraints[0].topologyKey: Required value: can not be empty',
        'spec.topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value: "x": supported values: "DoNotSchedule", "ScheduleAnyway"',
        'spec.topologySpreadConstraints[1].{topologyKey, whenUnsatisfiable}: Duplicate value: "{zone, ScheduleAnyway}"',
        'spec.topologySpreadConstraints[1].minDomains: Invalid value: 2: can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway',
        'spec.topologySpreadConstraints[1].nodeAffinityPolicy: Unsupported value: "x": supported values: "Honor", "Ignore"',
        `spec.topologySpreadConstraints[2].matchLabelKeys[0]: Invalid value: "a b": ${NOT_A_NAME_PART}`,
      ],
    ],
    [
      'no toleration that cannot be',
      {
        'spec.tolerations': [
          { operator: 'Equal' },
          { key: 'a', operator: 'Exists', value: 'x' },
          { key: 'a', operator: 'x' },
          { key: 'a b', effect: 'x', tolerationSeconds: 1 },
        ],
      },
      [
        'spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means "match all values and all keys"',
        'spec.tolerations[1].operator: Invalid value: "x": value must be empty when `operator` is \'Exists\'',
        'spec.tolerations[2].operator: Unsupported value: "x": supported values: "Equal", "Exists"',
        `spec.tolerations[3].key: Invalid value: "a b": ${NOT_A_NAME_PART}`,
        'spec.tolerations[3].effect: Invalid value: "x": effect must be \'NoExecute\' when `tolerationSeconds` is set',
        'spec.tolerations[3].effect: Unsupported value: "x": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
      ],
    ],
    [
      'no gate twice, nor a node for a pod that waits',
      { 'spec.schedulingGates': [{ name: 'a.b/c' }, { name: 'a.b/c' }, { name: 'A b' }], 'spec.nodeName': 'n' },
      [
        'spec.schedulingGates[1]: Duplicate value: "a.b/c"',
        `spec.schedulingGates[2]: Invalid value: "A b": ${NOT_A_NAME_PART}`,
        'spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared',
      ],
    ],
    [
      'no gate of readiness without name',
      { 'spec.readinessGates': [{ conditionType: 'a b' }] },
      [`spec.readinessGates[0].conditionType: Invalid value: "a b": ${NOT_A_NAME_PART}`],
    ],
    [
      'no alias of a host that is none',
      { 'spec.hostAliases': [{ ip: 'x', hostnames: ['A_b'] }] },
      [
        `spec.hostAliases[0].ip: Invalid value: "x": ${NOT_AN_IP}`,
        `spec.hostAliases[0].hostnames[0]: Invalid value: "A_b": ${NOT_A_SUBDOMAIN}`,
      ],
    ],
    [
      'no DNS of its own without servers',
      { 'spec.dnsPolicy': 'None' },
      ['spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None'],
    ],
    [
      'no DNS with too much, or with what is none',
      { 'spec.dnsConfig': { nameservers: ['1.1.1.1', '1.1.1.2', '1.1.1.3', 'x'], searches: ['A b'], options: [{}] } },
      [
        'spec.dnsConfig.nameservers: Invalid value: ["1.1.1.1","1.1.1.2","1.1.1.3","x"]: must not have more than 3 nameservers',
        `spec.dnsConfig.nameservers[3]: Invalid value: "x": ${NOT_AN_IP}`,
        "spec.dnsConfig.searches[0]: Invalid value: \"A b\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*')",
        'spec.dnsConfig.options[0]: Required value: must not be empty',
      ],
    ],
  ];
  it.each(cases)('%s', (_, changes, errors) => {
    expect(pods.created(changes)).toEqual(errors);
  });
});
