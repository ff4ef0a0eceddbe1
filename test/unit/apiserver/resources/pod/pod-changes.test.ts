import { describe, expect, it } from 'vitest';
import { type Changes, Judge } from '../judge.ts';

const NOT_A_SUBDOMAIN =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const NOT_A_NAME_PART =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const NOT_AN_IP = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';

const pods = new Judge('', 'pods', {
  spec: {
    containers: [
      {
        name: 'app',
        image: 'nginx',
        resources: { requests: { cpu: '1', memory: '1Gi' }, limits: { cpu: '2', memory: '2Gi' } },
      },
    ],
  },
});

describe('what may become of a pod', () => {
  const cases: readonly [sentence: string, changes: Changes, errors: readonly string[], before?: Changes][] = [
    [
      'another image',
      { 'spec.containers.0.image': 'nginx:2' },
      [
        'spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\nspec.containers[0].imagePullPolicy',
      ],
      {},
    ],
    [
      'no image that is missing',
      { 'spec.containers.0.image': '' },
      [
        'spec.containers[0].image: Required value',
        'spec.containers[0].image: Required value',
        'spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\nspec.containers[0].imagePullPolicy',
      ],
      {},
    ],
    [
      'one more toleration',
      {
        'spec.tolerations': [
          { key: 'a', operator: 'Exists' },
          { key: 'b', operator: 'Exists' },
        ],
      },
      [],
      { 'spec.tolerations': [{ key: 'a', operator: 'Exists' }] },
    ],
    [
      'no toleration less',
      { 'spec.tolerations': [{ key: 'b', operator: 'Exists' }] },
      ['spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds'],
      { 'spec.tolerations': [{ key: 'a', operator: 'Exists' }] },
    ],
    [
      'no container more or less',
      { 'spec.containers.1': { name: 'b', image: 'x' } },
      ['spec.containers: Forbidden: pod updates may not add or remove containers'],
      {},
    ],
    [
      'no later deadline',
      { 'spec.activeDeadlineSeconds': 20 },
      ['spec.activeDeadlineSeconds: Invalid value: 20: must be less than or equal to previous value'],
      { 'spec.activeDeadlineSeconds': 10 },
    ],
    ['a sooner deadline', { 'spec.activeDeadlineSeconds': 5 }, [], { 'spec.activeDeadlineSeconds': 10 }],
    [
      'no end of its deadline',
      { 'spec.activeDeadlineSeconds': undefined },
      ['spec.activeDeadlineSeconds: Invalid value: null: must not update from a positive integer to nil value'],
      { 'spec.activeDeadlineSeconds': 10 },
    ],
    [
      'no longer grace',
      { 'spec.terminationGracePeriodSeconds': 60 },
      [
        'spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\nspec.terminationGracePeriodSeconds',
      ],
      { 'spec.terminationGracePeriodSeconds': 30 },
    ],
    ['a gate less', { 'spec.schedulingGates': [] }, [], { 'spec.schedulingGates': [{ name: 'a.b/c' }] }],
    [
      'no gate more',
      { 'spec.schedulingGates': [{ name: 'a.b/c' }, { name: 'a.b/d' }] },
      ["spec.schedulingGates[1].name: Forbidden: only deletion is allowed, but found new scheduling gate 'a.b/d'"],
      { 'spec.schedulingGates': [{ name: 'a.b/c' }] },
    ],
    [
      'a narrower choice of nodes while it waits',
      {
        'spec.nodeSelector': { a: 'b' },
        'spec.affinity': {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [
                {
                  matchExpressions: [
                    { key: 'zone', operator: 'In', values: ['a'] },
                    { key: 'disk', operator: 'Exists' },
                  ],
                },
              ],
            },
          },
        },
      },
      [],
      {
        'spec.schedulingGates': [{ name: 'a.b/c' }],
        'spec.affinity': {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'In', values: ['a'] }] }],
            },
          },
        },
      },
    ],
    [
      'no wider choice of nodes while it waits',
      {
        'spec.affinity': {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'In', values: ['a'] }] }],
            },
          },
        },
      },
      [
        'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]: Invalid value: {"MatchExpressions":[{"Key":"zone","Operator":"In","Values":["a"]}],"MatchFields":null}: only additions are allowed (no mutations or deletions)',
      ],
      {
        'spec.schedulingGates': [{ name: 'a.b/c' }],
        'spec.affinity': {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [
                {
                  matchExpressions: [
                    { key: 'zone', operator: 'In', values: ['a'] },
                    { key: 'disk', operator: 'Exists' },
                  ],
                },
              ],
            },
          },
        },
      },
    ],
    [
      'no other choice of nodes while it waits',
      { 'spec.nodeSelector': { a: 'c' } },
      [
        'spec.nodeSelector: Invalid value: {"a":"c"}: only additions to spec.nodeSelector are allowed (no mutations or deletions)',
      ],
      { 'spec.schedulingGates': [{ name: 'a.b/c' }], 'spec.nodeSelector': { a: 'b' } },
    ],
  ];
  it.each(cases)('%s', (_, changes, errors, before = {}) => {
    expect(pods.changed(changes, before)).toEqual(errors);
  });
});

describe('what may be told of a pod', () => {
  const cases: readonly [sentence: string, changes: Changes, errors: readonly string[], before?: Changes][] = [
    [
      'that it runs',
      {
        'status.phase': 'Running',
        'status.containerStatuses': [
          { name: 'app', image: 'nginx', imageID: '', ready: true, restartCount: 0, state: { running: {} } },
        ],
      },
      [],
      {},
    ],
    [
      'no node that is none',
      { 'status.nominatedNodeName': 'A_b' },
      [`status.nominatedNodeName: Invalid value: "A_b": ${NOT_A_SUBDOMAIN}`],
      {},
    ],
    [
      'no condition without name',
      { 'status.conditions': [{ type: 'a b', status: 'True' }] },
      [`status.conditions[0].Type: Invalid value: "a b": ${NOT_A_NAME_PART}`],
      {},
    ],
    [
      'no addresses that cannot be',
      { 'status.podIP': 'x', 'status.podIPs': [{ ip: 'x' }] },
      [`status.podIPs[0]: Invalid value: "x": ${NOT_AN_IP}`],
      {},
    ],
    [
      'no two addresses of one family',
      { 'status.podIP': '10.0.0.1', 'status.podIPs': [{ ip: '10.0.0.1' }, { ip: '10.0.0.2' }] },
      [
        'status.podIPs: Invalid value: [{"IP":"10.0.0.1"},{"IP":"10.0.0.2"}]: may specify no more than one IP for each IP family',
      ],
      {},
    ],
    [
      'no two addresses of the host of one family',
      { 'status.hostIP': '10.0.0.1', 'status.hostIPs': [{ ip: '10.0.0.1' }, { ip: '10.0.0.2' }] },
      [
        'status.hostIPs: Invalid value: [{"IP":"10.0.0.1"},{"IP":"10.0.0.2"}]: may specify no more than one IP for each IP family',
      ],
      {},
    ],
    [
      'no restart of a container that has ended for good',
      {
        'status.containerStatuses': [
          { name: 'app', image: 'nginx', imageID: '', ready: true, restartCount: 0, state: { running: {} } },
        ],
      },
      ['status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state'],
      {
        'spec.restartPolicy': 'Never',
        'status.containerStatuses': [
          {
            name: 'app',
            image: 'nginx',
            imageID: '',
            ready: false,
            restartCount: 0,
            state: { terminated: { exitCode: 1 } },
          },
        ],
      },
    ],
    [
      'no other class of service',
      { 'status.qosClass': 'BestEffort' },
      ['status.qosClass: Invalid value: "BestEffort": field is immutable'],
      { 'status.qosClass': 'Burstable' },
    ],
    [
      'no state of a claim that the pod does not have',
      { 'status.resourceClaimStatuses': [{ name: 'x', resourceClaimName: 'y' }] },
      [
        'status.resourceClaimStatuses[0].name: Invalid value: "x": must match the name of an entry in `spec.resourceClaims`',
      ],
      {},
    ],
    [
      'no user below zero',
      {
        'status.containerStatuses': [
          { name: 'app', image: 'x', imageID: '', ready: true, restartCount: 0, user: { linux: { uid: -1, gid: -1 } } },
        ],
      },
      [
        'status.containerStatuses[0].user.linux.uid: Invalid value: -1: must be between 0 and 2147483647, inclusive',
        'status.containerStatuses[0].user.linux.gid: Invalid value: -1: must be between 0 and 2147483647, inclusive',
      ],
      {},
    ],
  ];
  it.each(cases)('%s', (_, changes, errors, before = {}) => {
    expect(pods.changed(changes, before, 'status')).toEqual(errors);
  });
});

describe('which containers may be added for debugging', () => {
  const cases: readonly [sentence: string, changes: Changes, errors: readonly string[], before?: Changes][] = [
    [
      'a container',
      { 'spec.ephemeralContainers': [{ name: 'debug', image: 'x', targetContainerName: 'app' }] },
      [],
      {},
    ],
    [
      'no container with a name that is taken',
      { 'spec.ephemeralContainers': [{ name: 'app', image: 'x' }] },
      ['spec.ephemeralContainers[0].name: Duplicate value: "app"'],
      {},
    ],
    [
      'no container that looks at nobody',
      { 'spec.ephemeralContainers': [{ name: 'debug', image: 'x', targetContainerName: 'nobody' }] },
      ['spec.ephemeralContainers[0].targetContainerName: Not found: "nobody"'],
      {},
    ],
    [
      'no container with ports, probes or resources',
      {
        'spec.ephemeralContainers': [
          {
            name: 'debug',
            image: 'x',
            ports: [{ containerPort: 80 }],
            livenessProbe: { tcpSocket: { port: 80 } },
            resources: { limits: { cpu: '1' } },
          },
        ],
      },
      [
        'spec.ephemeralContainers[0].ports: Forbidden: cannot be set for an Ephemeral Container',
        'spec.ephemeralContainers[0].resources: Forbidden: cannot be set for an Ephemeral Container',
        'spec.ephemeralContainers[0].livenessProbe: Forbidden: cannot be set for an Ephemeral Container',
      ],
      {},
    ],
    [
      'no container less',
      { 'spec.ephemeralContainers': [] },
      ['spec.ephemeralContainers: Forbidden: existing ephemeral containers "debug" may not be removed\n'],
      { 'spec.ephemeralContainers': [{ name: 'debug', image: 'x' }] },
    ],
  ];
  it.each(cases)('%s', (_, changes, errors, before = {}) => {
    expect(pods.changed(changes, before, 'ephemeralcontainers')).toEqual(errors);
  });
});

describe('how a pod may grow', () => {
  const cases: readonly [sentence: string, changes: Changes, errors: readonly string[], before?: Changes][] = [
    [
      'more of both',
      { 'spec.containers.0.resources': { requests: { cpu: '2', memory: '2Gi' }, limits: { cpu: '3', memory: '3Gi' } } },
      ['spec: Forbidden: Pod running on node without support for resize'],
      {
        'status.phase': 'Running',
        'status.containerStatuses': [
          { name: 'app', image: 'nginx', imageID: '', ready: true, restartCount: 0, state: { running: {} } },
        ],
      },
    ],
    [
      'no request above its limit',
      { 'spec.containers.0.resources.requests': { cpu: '3', memory: '1Gi' } },
      [
        'spec.containers[0].resources.requests: Invalid value: "3": must be less than or equal to cpu limit of 2',
        'spec: Forbidden: Pod running on node without support for resize',
      ],
      {
        'status.phase': 'Running',
        'status.containerStatuses': [
          { name: 'app', image: 'nginx', imageID: '', ready: true, restartCount: 0, state: { running: {} } },
        ],
      },
    ],
    [
      'no limit less',
      { 'spec.containers.0.resources.limits': { cpu: '2' } },
      [
        'spec: Forbidden: Pod running on node without support for resize',
        'spec.containers[0].resources.limits: Forbidden: resource limits cannot be removed',
      ],
      {
        'status.phase': 'Running',
        'status.containerStatuses': [
          { name: 'app', image: 'nginx', imageID: '', ready: true, restartCount: 0, state: { running: {} } },
        ],
      },
    ],
    [
      'no other class of service',
      { 'spec.containers.0.resources.requests': { cpu: '2', memory: '2Gi' } },
      [
        'spec: Invalid value: "Burstable": Pod QOS Class may not change as a result of resizing',
        'spec: Forbidden: Pod running on node without support for resize',
      ],
      {
        'status.phase': 'Running',
        'status.containerStatuses': [
          { name: 'app', image: 'nginx', imageID: '', ready: true, restartCount: 0, state: { running: {} } },
        ],
        'status.qosClass': 'Burstable',
      },
    ],
    [
      'no more storage',
      { 'spec.containers.0.resources.limits': { cpu: '2', memory: '2Gi', 'ephemeral-storage': '1Gi' } },
      [
        'spec: Forbidden: Pod running on node without support for resize',
        'spec: Forbidden: only cpu and memory resources are mutable',
      ],
      {
        'status.phase': 'Running',
        'status.containerStatuses': [
          { name: 'app', image: 'nginx', imageID: '', ready: true, restartCount: 0, state: { running: {} } },
        ],
      },
    ],
    [
      'no pod of Windows',
      { 'spec.containers.0.resources.limits': { cpu: '3', memory: '2Gi' } },
      ['[]: Forbidden: windows pods cannot be resized'],
      {
        'status.phase': 'Running',
        'status.containerStatuses': [
          { name: 'app', image: 'nginx', imageID: '', ready: true, restartCount: 0, state: { running: {} } },
        ],
        'spec.os': { name: 'windows' },
      },
    ],
  ];
  it.each(cases)('%s', (_, changes, errors, before = {}) => {
    expect(pods.changed(changes, before, 'resize')).toEqual(errors);
  });
});
