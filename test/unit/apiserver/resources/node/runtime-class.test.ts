import { describe, expect, it } from 'vitest';
import { type Changes, Judge } from '../judge.ts';

const classes = new Judge('node.k8s.io', 'runtimeclasses', {
  handler: 'runc',
  overhead: { podFixed: { cpu: '100m' } },
  scheduling: { nodeSelector: { gpu: 'yes' }, tolerations: [{ key: 'gpu', operator: 'Exists' }] },
});
const AT = 'scheduling.tolerations';

describe('a runtime class', () => {
  const cases: readonly [sentence: string, changes: Changes, errors: readonly unknown[]][] = [
    ['is good as it is', {}, []],
    ['needs a handler', { handler: '' }, ['handler: Required value']],
    ['has a handler that is a label', { handler: 'a.b' }, [expect.stringContaining('handler: Invalid value: "a.b"')]],
    [
      'has an overhead of what pods use',
      { 'overhead.podFixed': { storage: '1', cpu: '-1' } },
      [
        'overhead.limits[storage]: Invalid value: "storage": must be a standard resource for containers',
        'overhead.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0',
      ],
    ],
    [
      'selects nodes by labels',
      { 'scheduling.nodeSelector': { a: '-' } },
      [expect.stringContaining('scheduling.nodeSelector: Invalid value: "-": a valid label must be')],
    ],
    [
      'tolerates what taints can be',
      { 'scheduling.tolerations': [{ key: 'a', effect: 'Never' }, { tolerationSeconds: 5 }] },
      [
        `${AT}[0].effect: Unsupported value: "Never": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"`,
        `${AT}[1].operator: Invalid value: "": operator must be Exists when \`key\` is empty, which means "match all values and all keys"`,
        `${AT}[1].effect: Invalid value: "": effect must be 'NoExecute' when \`tolerationSeconds\` is set`,
      ],
    ],
    [
      'tolerates nothing twice',
      {
        'scheduling.tolerations': [
          { key: 'a', operator: 'Exists', effect: 'NoExecute' },
          { key: 'a', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 5 },
        ],
      },
      [expect.stringContaining(`${AT}[1]: Duplicate value: {`)],
    ],
  ];
  it.each(cases)('%s', (_, changes, errors) => {
    expect(classes.created(changes)).toEqual(errors);
    // A class that is stored is asked the same, and that it keeps its handler.
    const fixed = 'handler' in changes ? [expect.stringContaining('handler: Invalid value')] : [];
    expect(classes.changed(changes)).toEqual([...errors, ...fixed]);
  });

  it('is made by a PUT, and not replaced without the version that was read', () => {
    const { createOnUpdate, unconditionalUpdate } = classes.strategy;
    expect({ createOnUpdate, unconditionalUpdate }).toEqual({ createOnUpdate: true, unconditionalUpdate: false });
  });

  it('warns of labels that nodes lose', () => {
    expect(classes.warned({ 'scheduling.nodeSelector': { 'beta.kubernetes.io/os': 'linux' } })).toEqual([
      'scheduling.nodeSelector: deprecated since v1.14; use "kubernetes.io/os" instead',
    ]);
  });
});
