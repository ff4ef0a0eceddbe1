import { describe, expect, it } from 'vitest';
import { type Changes, Judge } from '../judge.ts';

const pod = { containers: [{ name: 'app', image: 'nginx' }], restartPolicy: 'Never' };
const jobs = new Judge('batch', 'jobs', { spec: { template: { metadata: { labels: { a: 'b' } }, spec: pod } } });
/** A job as it is stored: its labels are generated. */
const uid = 'uid-1';
const GENERATED: Changes = {
  'spec.completions': 1,
  'spec.parallelism': 1,
  'spec.selector': { matchLabels: { 'batch.kubernetes.io/controller-uid': uid } },
  'spec.template.metadata.labels': {
    'batch.kubernetes.io/controller-uid': uid,
    'batch.kubernetes.io/job-name': 'web',
    'controller-uid': uid,
    'job-name': 'web',
  },
};
const indexed: Changes = { 'spec.completionMode': 'Indexed', 'spec.completions': 5, 'spec.parallelism': 5 };
const rule = (fields: object): Changes => ({ 'spec.podFailurePolicy': { rules: [fields] } });
const success = (fields: object): Changes => ({ ...indexed, 'spec.successPolicy': { rules: [fields] } });
const RULE = 'spec.podFailurePolicy.rules[0]';
const SUCCESS = 'spec.successPolicy.rules[0]';

describe('what may be created', () => {
  const cases: readonly (readonly [sentence: string, changes: Changes, errors: readonly string[]])[] = [
    ['a job', {}, []],
    ['a job that another controller manages', { 'spec.managedBy': 'example.com/queue' }, []],
    [
      'no job that is managed by a name without domain',
      { 'spec.managedBy': 'queue' },
      ['spec.managedBy: Invalid value: "queue": must be a domain-prefixed path (such as "acme.io/foo")'],
    ],
    [
      'no job that is managed by too long a name',
      { 'spec.managedBy': `example.com/${'x'.repeat(52)}` },
      ['spec.managedBy: Too long: may not be more than 63 bytes'],
    ],
    [
      'no job whose pods would run again for ever',
      { 'spec.template.spec.restartPolicy': 'Always' },
      ['spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'],
    ],
    [
      'no job that brings labels which the server generates',
      { 'spec.template.metadata.labels': { 'job-name': 'other' } },
      [
        'spec.template.metadata.labels[job-name]: Invalid value: {"batch.kubernetes.io/controller-uid":"uid-1","controller-uid":"uid-1","batch.kubernetes.io/job-name":"web","job-name":"other"}: must be \'web\'',
      ],
    ],
    [
      'no job that brings a selector of its own and does not say so',
      { 'spec.selector': { matchLabels: { a: 'b' } } },
      [
        'spec.selector: Invalid value: {"matchLabels":{"batch.kubernetes.io/controller-uid":"uid-1","a":"b"}}: `selector` not auto-generated',
      ],
    ],
    [
      'no job that says so and brings none',
      { 'spec.manualSelector': true },
      [
        'spec.selector: Required value',
        'spec.template.metadata.labels: Invalid value: {"a":"b"}: `selector` does not match template `labels`',
      ],
    ],
    [
      'no failure of indexes in a job without them',
      { 'spec.backoffLimitPerIndex': 1, 'spec.maxFailedIndexes': 1 },
      [
        'spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode',
        'spec.maxFailedIndexes: Invalid value: 1: requires indexed completion mode',
      ],
    ],
    [
      'no indexed job without end, or with a bound on failures that nothing counts',
      { 'spec.completionMode': 'Indexed', 'spec.parallelism': 1, 'spec.maxFailedIndexes': 1 },
      [
        'spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified',
        'spec.completions: Required value: when completion mode is Indexed',
      ],
    ],
    [
      'no indexed job that is too wide for its status',
      {
        'spec.completionMode': 'Indexed',
        'spec.completions': 100_001,
        'spec.parallelism': 100_001,
        'spec.backoffLimitPerIndex': 1,
      },
      [
        'spec.parallelism: Invalid value: 100001: must be less than or equal to 100000 when completion mode is Indexed',
        'spec.maxFailedIndexes: Required value: must be specified when completions is above 100000',
        'spec.parallelism: Invalid value: 100001: must be less than or equal to 10000 when completions are above 100000 and used with backoff limit per index',
      ],
    ],
    [
      'no indexed job whose pods could not be named',
      { ...indexed, 'metadata.name': 'x'.repeat(62) },
      [
        `metadata.name: Invalid value: "${'x'.repeat(62)}": will not able to create pod with invalid DNS label: ${'x'.repeat(62)}-4`,
      ],
    ],
    [
      'no failure rule without an action or anything that it is about',
      rule({ action: '' }),
      [
        `${RULE}.action: Required value: valid values: ["Count" "FailIndex" "FailJob" "Ignore"]`,
        `${RULE}: Invalid value: specifying one of OnExitCodes and OnPodConditions is required`,
      ],
    ],
    [
      'no failure rule over unordered, repeated or successful exit codes of a container that is not there',
      rule({ action: 'FailJob', onExitCodes: { containerName: 'x', operator: 'In', values: [2, 0, 2] } }),
      [
        `${RULE}.onExitCodes.containerName: Invalid value: "x": must be one of the container or initContainer names in the pod template`,
        `${RULE}.onExitCodes.values[1]: Invalid value: 0: must not be 0 for the In operator`,
        `${RULE}.onExitCodes.values[2]: Duplicate value: 2`,
        `${RULE}.onExitCodes.values: Invalid value: [2,0,2]: must be ordered`,
      ],
    ],
    [
      'no failure rule over a condition that has no such status',
      rule({ action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'Maybe' }] }),
      [`${RULE}.onPodConditions[0].status: Unsupported value: "Maybe": supported values: "False", "True", "Unknown"`],
    ],
    [
      'no failure policy where containers restart in place, or pods are replaced early',
      {
        ...rule({ action: 'FailJob', onPodConditions: [{ type: 'DisruptionTarget' }] }),
        'spec.template.spec.restartPolicy': 'OnFailure',
        'spec.podReplacementPolicy': 'TerminatingOrFailed',
      },
      [
        'spec.podReplacementPolicy: Unsupported value: "TerminatingOrFailed": supported values: "Failed"',
        'spec.template.spec.restartPolicy: Invalid value: "OnFailure": only "Never" is supported when podFailurePolicy is specified',
      ],
    ],
    [
      'no success policy without indexes',
      { 'spec.successPolicy': { rules: [{ succeededCount: 1 }] } },
      ['spec.successPolicy: Invalid value: {"rules":[{"succeededCount":1}]}: requires indexed completion mode'],
    ],
    ['a success policy', success({ succeededIndexes: '0,2-4', succeededCount: 4 }), []],
    [
      'no empty success policy',
      { ...indexed, 'spec.successPolicy': { rules: [] } },
      [
        'spec.successPolicy.rules: Required value: at least one rules must be specified when the successPolicy is specified',
      ],
    ],
    [
      'no empty success rule',
      success({}),
      [`${SUCCESS}: Required value: at least one of succeededCount or succeededIndexes must be specified`],
    ],
    [
      'no success rule that counts more than there are',
      success({ succeededIndexes: '0-1', succeededCount: 6 }),
      [
        `${SUCCESS}.succeededCount: Invalid value: 6: must be less than or equal to 5 (the number of specified completions)`,
        `${SUCCESS}.succeededCount: Invalid value: 6: must be less than or equal to 2 (the number of indexes in the specified succeededIndexes field)`,
      ],
    ],
    ...(
      [
        ['5', 'too large index: "5"'],
        ['2,1', 'non-increasing order, previous: 2, current: 1'],
        ['3-2', 'non-increasing order, previous: 3, current: 2'],
        ['0-', 'cannot convert string to integer for index: ""'],
        ['x', 'cannot convert string to integer for index: "x"'],
        [
          '1-2-3',
          'the fragment "1-2-3" violates the requirement that an index interval can have at most two parts separated by \'-\'',
        ],
      ] as const
    ).map(
      ([text, reason]) =>
        [
          `no success rule over the indexes ${text}`,
          success({ succeededIndexes: text }),
          [`${SUCCESS}.succeededIndexes: Invalid value: "${text}": error parsing succeededIndexes: ${reason}`],
        ] as const,
    ),
  ];
  it.each(cases)('%s', (_, changes, errors) => {
    expect(jobs.created(changes)).toEqual(errors);
  });

  it('gives a job without labels those of its template, and the generated ones with them', () => {
    const labels = Object.keys(jobs.prepared().metadata.labels ?? {}).toSorted();
    expect(labels).toEqual([
      'a',
      'batch.kubernetes.io/controller-uid',
      'batch.kubernetes.io/job-name',
      'controller-uid',
      'job-name',
    ]);
    expect(jobs.prepared({ 'metadata.labels': { a: 'b' } }).metadata.labels).toEqual({ a: 'b' });
  });

  it('warns of a job whose status may become too large', () => {
    const large = jobs.object({
      'spec.completionMode': 'Indexed',
      'spec.completions': 100_001,
      'spec.parallelism': 10_001,
    });
    expect(jobs.strategy.warnings(large)).toEqual([expect.stringContaining('spec: In Indexed Jobs')]);
    expect(jobs.strategy.warningsOnUpdate(large, large)).toEqual([]);
  });
});

describe('what may be changed', () => {
  const suspended: Changes = { ...GENERATED, 'spec.suspend': true };
  const elsewhere: Changes = {
    'spec.template.spec.nodeSelector': { zone: 'a' },
    'spec.template.spec.containers.0.resources': { requests: { cpu: '1' } },
  };
  const cases: readonly [string, Changes, Changes, readonly string[]][] = [
    ['the width of a job', { 'spec.parallelism': 3 }, GENERATED, []],
    ['where the pods of a suspended job run and what they ask for', elsewhere, suspended, []],
    [
      'no image of a suspended job',
      { 'spec.template.spec.containers.0.image': 'other' },
      suspended,
      [expect.stringMatching(/^spec.template.spec: Invalid value: .*: field is immutable$/)],
    ],
    [
      'no template of a suspended job while a pod runs',
      elsewhere,
      { ...suspended, 'status.active': 1 },
      [expect.stringMatching(/^spec.template: Invalid value: .*: field is immutable$/)],
    ],
    [
      'no template of a suspended job that has run, until it is known to be suspended',
      elsewhere,
      { ...suspended, 'status.startTime': '2026-01-01T00:00:00Z' },
      [expect.stringMatching(/^spec.template: /)],
    ],
    [
      'the template of one that is known to be',
      elsewhere,
      {
        ...suspended,
        'status.startTime': '2026-01-01T00:00:00Z',
        'status.conditions': [{ type: 'Suspended', status: 'True' }],
      },
      [],
    ],
    [
      'an affinity to nodes alone may go away, one to pods may not',
      { 'spec.template.spec.affinity': undefined },
      { ...suspended, 'spec.template.spec.affinity': { nodeAffinity: {}, podAffinity: {} } },
      [expect.stringMatching(/^spec.template.spec: /)],
    ],
    [
      'no completions of a job without indexes',
      { 'spec.completions': 3 },
      { ...GENERATED, 'spec.completions': 2 },
      ['spec.completions: Invalid value: 3: field is immutable'],
    ],
    [
      'the completions of an indexed job together with its width',
      { 'spec.completions': 3, 'spec.parallelism': 3 },
      { ...GENERATED, ...indexed },
      [],
    ],
    [
      'but not alone',
      { 'spec.completions': 3 },
      { ...GENERATED, ...indexed },
      ['spec.completions: Invalid value: 3: can only be modified in tandem with spec.parallelism'],
    ],
    [
      'no manager',
      { 'spec.managedBy': 'example.com/b' },
      { ...GENERATED, 'spec.managedBy': 'example.com/a' },
      ['spec.managedBy: Invalid value: "example.com/b": field is immutable'],
    ],
    [
      'a job that lacks the prefixed labels: it is older than they are',
      { 'spec.parallelism': 3 },
      {
        ...GENERATED,
        'spec.selector': { matchLabels: { 'controller-uid': uid } },
        'spec.template.metadata.labels': { 'controller-uid': uid, 'job-name': 'web' },
      },
      [],
    ],
    [
      'nothing to a bad value, which is told twice',
      { 'spec.parallelism': -1 },
      GENERATED,
      [
        'spec.parallelism: Invalid value: -1: must be greater than or equal to 0',
        'spec.parallelism: Invalid value: -1: must be greater than or equal to 0',
      ],
    ],
  ];
  it.each(cases)('%s', (_, changes, before, errors) => {
    expect(jobs.changed(changes, before)).toEqual(errors);
  });
});

describe('what may be told of a job', () => {
  const on = (...types: string[]) => types.map(type => ({ type, status: 'True' }));
  const started: Changes = { 'status.startTime': '2026-01-01T00:00:00Z' };
  const complete: Changes = {
    ...started,
    'status.completionTime': '2026-01-01T00:01:00Z',
    'status.conditions': on('SuccessCriteriaMet', 'Complete'),
  };
  const failed: Changes = { ...started, 'status.conditions': on('FailureTarget', 'Failed') };
  const cases: readonly [string, Changes, Changes, readonly string[]][] = [
    ['that it is complete', complete, started, []],
    ['that it has failed', failed, started, []],
    [
      'not that it is complete without time, start or the step before',
      { 'status.conditions': on('Complete') },
      {},
      [
        'status.completionTime: Required value: completionTime is required for Complete jobs',
        'status.conditions: Invalid value: cannot set Complete=True condition without the SuccessCriteriaMet=true condition',
        'status.startTime: Required value: startTime is required for finished job',
      ],
    ],
    [
      'not that it failed without the step before, with pods left',
      {
        'status.conditions': on('Failed'),
        'status.active': 1,
        'status.terminating': 1,
        'status.uncountedTerminatedPods': { failed: ['a'] },
      },
      started,
      [
        'status.conditions: Invalid value: cannot set Failed=True condition without the FailureTarget=true condition',
        'status.active: Invalid value: 1: active>0 is invalid for finished job',
        'status.uncountedTerminatedPods: Invalid value: {"failed":["a"]}: must be empty for finished job',
        'status.terminating: Invalid value: 1: terminating>0 is invalid for finished job',
      ],
    ],
    [
      'not both',
      { 'status.conditions': on('SuccessCriteriaMet', 'Complete', 'FailureTarget', 'Failed') },
      complete,
      [
        'status.conditions: Invalid value: cannot set Complete=True and Failed=true conditions',
        'status.conditions: Invalid value: cannot set Complete=True and FailureTarget=true conditions',
        'status.conditions: Invalid value: cannot set SuccessCriteriaMet=True and Failed=true conditions',
        'status.conditions: Invalid value: cannot set SuccessCriteriaMet=True and FailureTarget=true conditions',
      ],
    ],
    [
      'not that it goes on after all',
      { 'status.conditions': [] },
      failed,
      [
        'status.conditions: Invalid value: cannot disable the terminal Failed=True condition',
        'status.conditions: Invalid value: cannot disable the terminal FailureTarget=True condition',
      ],
    ],
    [
      'not that less was done',
      { 'status.failed': 1, 'status.succeeded': 1 },
      { 'status.failed': 2, 'status.succeeded': 2 },
      [
        'status.failed: Invalid value: 1: cannot decrease the failed counter',
        'status.succeeded: Invalid value: 1: cannot decrease the succeeded counter',
      ],
    ],
    [
      'that less was done where an indexed job was made smaller',
      { 'status.succeeded': 1 },
      { ...indexed, 'status.succeeded': 2 },
      [],
    ],
    [
      'not that it began or ended at another time',
      { 'status.startTime': '2025-01-01T00:00:00Z', 'status.completionTime': '2024-01-01T00:01:00Z' },
      complete,
      [
        'status.completionTime: Invalid value: "2024-01-01T00:01:00Z": must be equal to or after `startTime`',
        'status.completionTime: Invalid value: "2024-01-01T00:01:00Z": field is immutable',
        'status.startTime: Invalid value: "2025-01-01T00:00:00Z": field is immutable for unsuspended job once set',
      ],
    ],
    [
      'that it begins anew when it is resumed',
      { 'status.startTime': '2026-02-01T00:00:00Z', 'status.conditions': [{ type: 'Suspended', status: 'False' }] },
      { ...started, 'status.conditions': on('Suspended') },
      [],
    ],
    [
      'not indexes that are no list, or that both failed and are done',
      { 'status.completedIndexes': '0-2,x', 'status.failedIndexes': '2' },
      { ...indexed, 'spec.backoffLimitPerIndex': 1 },
      [
        'status.completedIndexes: Invalid value: "0-2,x": error parsing completedIndexes: cannot convert string to integer for index: "x"',
        'status.failedIndexes: Invalid value: "2": failedIndexes and completedIndexes overlap at index: 2',
      ],
    ],
    [
      'not indexes of a job that has none',
      { 'status.completedIndexes': '0', 'status.failedIndexes': '' },
      {},
      [
        'status.completedIndexes: Invalid value: "0": cannot set non-empty completedIndexes when non-indexed completion mode',
        'status.failedIndexes: Invalid value: "": cannot set non-null failedIndexes when backoffLimitPerIndex is null',
      ],
    ],
    [
      'not more ready pods than run, nor one pod twice',
      { 'status.ready': 1, 'status.uncountedTerminatedPods': { succeeded: ['a', ''], failed: ['a'] } },
      {},
      [
        'status.uncountedTerminatedPods.succeeded[1]: Invalid value: "": must not be empty',
        'status.uncountedTerminatedPods.failed[0]: Duplicate value: "a"',
        'status.ready: Invalid value: 1: cannot set more ready pods than active',
      ],
    ],
    [
      'what is wrong already, as long as it is left alone',
      { 'status.succeeded': 1 },
      { 'status.completedIndexes': 'x', 'status.ready': 1, 'status.conditions': on('Complete') },
      [],
    ],
  ];
  it.each(cases)('%s', (_, changes, before, errors) => {
    expect(jobs.changed(changes, { ...GENERATED, ...before }, 'status')).toEqual(errors);
  });
});
