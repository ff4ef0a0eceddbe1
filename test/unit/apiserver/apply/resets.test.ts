import { expect, it } from 'vitest';
import { fieldsOf, parseFields } from '../../../../src/apiserver/apply/fields-v1.ts';
import { type FieldResets, resetFilter } from '../../../../src/apiserver/apply/resets.ts';
import { podStrategy } from '../../../../src/apiserver/resources/core/pod/strategy.ts';

const container = (fields: object) => ({ 'k:{"name":"c"}': { '.': {}, ...fields } });
const all = {
  'f:metadata': { 'f:labels': { '.': {}, 'f:a': {} }, 'f:ownerReferences': { '.': {} } },
  'f:spec': {
    'f:containers': container({ 'f:image': {}, 'f:resources': { 'f:limits': { 'f:cpu': {} } }, 'f:resizePolicy': {} }),
    'f:ephemeralContainers': { '.': {}, ...container({ 'f:image': {} }) },
    'f:nodeName': {},
  },
  'f:status': { 'f:phase': {} },
};
const rules = (name: string): FieldResets => {
  const found = podStrategy.subresources.get(name);
  if (found === undefined) throw new Error(`pods have no ${name}`);
  return found;
};

it.each([
  ['of a pod: its status', podStrategy, { 'f:metadata': all['f:metadata'], 'f:spec': all['f:spec'] }],
  [
    'of its status: all but that, its labels and annotations',
    rules('status'),
    { 'f:metadata': { 'f:labels': all['f:metadata']['f:labels'] }, 'f:status': all['f:status'] },
  ],
  [
    'of its ephemeral containers: all but those, which are there with the way to them',
    rules('ephemeralcontainers'),
    { 'f:spec': { 'f:ephemeralContainers': all['f:spec']['f:ephemeralContainers'] } },
  ],
  [
    'of its resources: all but those and how they are changed',
    rules('resize'),
    {
      'f:spec': {
        'f:containers': container({ 'f:resources': { 'f:limits': { 'f:cpu': {} } }, 'f:resizePolicy': {} }),
      },
    },
  ],
])('nobody manages what a write does not change: %s', (_, resets, left) => {
  const filtered = resetFilter(resets)(parseFields(all));
  expect(fieldsOf(filtered).value).toEqual(fieldsOf(parseFields(left)).value);
});
