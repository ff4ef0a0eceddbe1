import { expect, it } from 'vitest';
import { decodeValue } from '../../../../src/api/decode/json/decode-json.ts';
import { builtinTable } from '../../../../src/api/schema/builtin.ts';
import { differing } from '../../../../src/apiserver/handlers/differing.ts';

const pod = builtinTable.struct('core/v1.Pod');
const decoded = (value: object) => decodeValue(pod, value).object;

it.each([
  ['nothing of what is the same', { spec: { nodeName: 'a' } }, { spec: { nodeName: 'a' } }, {}, {}],
  [
    'the fields of a struct that differ',
    { spec: { nodeName: 'a', hostname: 'h', containers: [{ name: 'c' }] } },
    { spec: { nodeName: 'b', hostname: 'h', containers: [{ name: 'c' }] } },
    { spec: { nodeName: 'a' } },
    { spec: { nodeName: 'b' } },
  ],
  [
    'maps and lists as wholes',
    { metadata: { labels: { a: '1', b: '1' } } },
    { metadata: { labels: { a: '1' } } },
    { metadata: { labels: { a: '1', b: '1' } } },
    { metadata: { labels: { a: '1' } } },
  ],
  [
    'an empty list where there was none',
    { spec: { containers: null } },
    { spec: { containers: [] } },
    { spec: { containers: [] } },
    { spec: { containers: [] } },
  ],
  ['what went', { spec: { hostname: 'h' } }, { spec: {} }, { spec: { hostname: 'h' } }, { spec: {} }],
])('of two objects has to be compared: %s', (_, left, right, first, second) => {
  expect(differing(pod, decoded(left), decoded(right))).toEqual([first, second]);
});
