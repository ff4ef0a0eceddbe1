import { describe, expect, it } from 'vitest';
import { decodeJson } from '../../../src/api/decode/json/decode-json.ts';
import { builtinTable } from '../../../src/api/schema/builtin.ts';
import { invalidError } from '../../../src/api/status.ts';
import { validateObjectMeta } from '../../../src/api/validation/object-meta.ts';
import { validateMounts } from '../../../src/api/validation/volume-mounts.ts';
import { applyJsonPatch } from '../../../src/apiserver/patch/json-patch.ts';
import { MAX_OPERATIONS } from '../../../src/apiserver/patch/json-patch-operations.ts';
import { errorMessage } from '../../../src/base/errors.ts';
import { cpuMs } from '../../harness/cpu-time.ts';

const KIND = { group: '', kind: 'ConfigMap' };

/** Twenty thousand owners that all say they are the one in charge: two megabytes of body. */
const OWNERS = Array.from({ length: 20_000 }, (_, index) => ({
  apiVersion: 'v1',
  kind: 'K',
  name: `n${index}`,
  uid: `u${index}`,
  controller: true,
}));
const ownerErrors = () =>
  validateObjectMeta({ name: 'x', ownerReferences: OWNERS }, { namespaced: false, nameReasons: () => [] });

/** A text that is no time, and whose blanks belong to no line end. */
const BLANKS = `a${' '.repeat(500_000)}b`;
const timeOfBlanks = (): unknown => {
  const text = JSON.stringify({ metadata: { creationTimestamp: BLANKS } });
  return decodeJson(builtinTable.struct('core/v1.ConfigMap'), text, { duplicates: true });
};

const LONG = Array.from({ length: 400_000 }, () => '');
const FROM_FRONT = Array.from({ length: MAX_OPERATIONS }, () => ({ op: 'remove', path: '/data/0' }));

const MOUNTED = {
  name: 'c',
  resources: {},
  volumeMounts: OWNERS.map(({ name }) => ({ name, mountPath: `/${name}` })),
  volumeDevices: OWNERS.map(({ uid }) => ({ name: uid, devicePath: `/${uid}` })),
};

/** What one client sends in a body of less than 3 MiB, and all others would wait for. */
const BODIES: readonly (readonly [what: string, read: () => unknown])[] = [
  ['an object of very many controllers', () => invalidError(KIND, 'x', ownerErrors())],
  [
    'a patch that takes many elements from the front of a long list',
    () => expect(() => applyJsonPatch({ data: LONG }, FROM_FRONT)).toThrow('may shift'),
  ],
  [
    'a container of very many mounts and devices',
    () => expect(validateMounts(MOUNTED, new Map(), 'p')).toHaveLength(20_000),
  ],
  ['a time of blanks', () => expect(timeOfBlanks).toThrow('cannot parse')],
];

describe('bodies of clients that mean harm', () => {
  it.each(BODIES)('%s is read at once', (_, read) => {
    expect(cpuMs(read)).toBeLessThan(2000);
  });
});

describe('the one line of an error', () => {
  it.each([
    ['a \n\t b', 'a b'],
    ['\n\na\r\n\r\nb\n', 'a b'],
    ['  a  b  ', 'a  b'],
  ])('of %j is %j', (text, line) => {
    expect(errorMessage(new Error(text))).toBe(line);
  });
});

it('takes as many elements from the front of a list as a patch has operations, where the list is not long', () => {
  const patched = applyJsonPatch({ data: LONG.slice(0, MAX_OPERATIONS / 8) }, FROM_FRONT.slice(0, MAX_OPERATIONS / 8));
  expect(patched).toEqual({ data: [] });
});
