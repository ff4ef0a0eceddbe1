import { describe, expect, it } from 'vitest';
import { nodeTerms, requiredNodes } from '../../../../src/api/selectors/node-selector.ts';
import type { Node, NodeSelectorTerm, PodSpec } from '../../../../src/api/types/gen/core-v1.ts';

const NODE = { metadata: { name: 'n1', labels: { zone: 'a', cores: '8', empty: '' } } } as unknown as Node;

const term = (text: {
  readonly labels?: readonly (readonly [key: string, operator: string, ...values: string[]])[];
  readonly fields?: readonly (readonly [key: string, operator: string, ...values: string[]])[];
}): NodeSelectorTerm => {
  const list = (rows: typeof text.labels = []) => rows.map(([key, operator, ...values]) => ({ key, operator, values }));
  return { matchExpressions: list(text.labels), matchFields: list(text.fields) } as unknown as NodeSelectorTerm;
};

describe('terms of a node selector', () => {
  it.each([
    ['a value in the list', [term({ labels: [['zone', 'In', 'b', 'a']] })], true],
    ['no value of the list', [term({ labels: [['zone', 'In', 'b']] })], false],
    ['a value that is excluded', [term({ labels: [['zone', 'NotIn', 'a']] })], false],
    ['an absent label is not one of those excluded', [term({ labels: [['rack', 'NotIn', 'a']] })], true],
    ['a label that is there, if empty', [term({ labels: [['empty', 'Exists']] })], true],
    ['a label that must not be there', [term({ labels: [['zone', 'DoesNotExist']] })], false],
    ['more than a number', [term({ labels: [['cores', 'Gt', '7']] })], true],
    ['less than a number', [term({ labels: [['cores', 'Lt', '8']] })], false],
    ['a number where the label is none', [term({ labels: [['zone', 'Gt', '1']] })], false],
    [
      'all of one term must hold',
      [
        term({
          labels: [
            ['zone', 'In', 'a'],
            ['cores', 'Gt', '9'],
          ],
        }),
      ],
      false,
    ],
    [
      'one of several terms is enough',
      [term({ labels: [['zone', 'In', 'b']] }), term({ labels: [['cores', 'Exists']] })],
      true,
    ],
    ['the name', [term({ fields: [['metadata.name', 'In', 'n1']] })], true],
    ['another name', [term({ fields: [['metadata.name', 'In', 'n2']] })], false],
    ['not this name', [term({ fields: [['metadata.name', 'NotIn', 'n1']] })], false],
    [
      'name and label together',
      [term({ labels: [['zone', 'In', 'b']], fields: [['metadata.name', 'In', 'n1']] })],
      false,
    ],
    ['no term at all', [], false],
    ['an empty term', [term({})], false],
    ['an operator that nobody knows', [term({ labels: [['zone', 'Like', 'a']] })], false],
    ['a key that is no label', [term({ labels: [['a b', 'NotIn', 'a']] })], false],
    ['several names, which upstream does not read', [term({ fields: [['metadata.name', 'In', 'n1', 'n2']] })], false],
  ] as const)('%s', (_, terms, expected) => {
    expect(nodeTerms(terms).matches(NODE)).toBe(expected);
  });
});

describe('where a pod may be', () => {
  const required = (terms: readonly NodeSelectorTerm[]): PodSpec['affinity'] =>
    ({ nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms } } }) as never;

  it('is not said where it names neither', () => {
    expect(requiredNodes({})).toBeUndefined();
    expect(requiredNodes({ nodeSelector: {}, affinity: { nodeAffinity: {} } })).toBeUndefined();
  });

  it.each([
    ['a label of the selector', { nodeSelector: { zone: 'a' } }, true],
    ['another value', { nodeSelector: { zone: 'b' } }, false],
    ['a name that every object has', { nodeSelector: { constructor: 'a' } }, false],
    [
      'selector and affinity',
      { nodeSelector: { zone: 'a' }, affinity: required([term({ labels: [['cores', 'In', '9']] })]) },
      false,
    ],
    [
      'both of them',
      { nodeSelector: { zone: 'a' }, affinity: required([term({ labels: [['cores', 'In', '8']] })]) },
      true,
    ],
  ])('%s', (_, spec, expected) => {
    expect(requiredNodes(spec)?.matches(NODE)).toBe(expected);
  });
});
