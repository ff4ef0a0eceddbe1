import { describe, expect, it } from 'vitest';
import { decodeContinue, encodeContinue } from '../../../../src/apiserver/storage/continue-token.ts';
import { builtinPrefix, customPrefix, objectKey } from '../../../../src/apiserver/storage/keys.ts';
import { parseResourceVersion, planList } from '../../../../src/apiserver/storage/list-plan.ts';

describe('keys', () => {
  it.each([
    ['', 'pods', '/registry/pods/'],
    ['', 'nodes', '/registry/minions/'],
    ['', 'services', '/registry/services/specs/'],
    ['', 'endpoints', '/registry/services/endpoints/'],
    ['', 'replicationcontrollers', '/registry/controllers/'],
    ['apps', 'deployments', '/registry/deployments/'],
    ['networking.k8s.io', 'ingresses', '/registry/ingress/'],
    ['events.k8s.io', 'events', '/registry/events/'],
    ['resource.k8s.io', 'resourceclaims', '/registry/resourceclaims/'],
    ['apiregistration.k8s.io', 'apiservices', '/registry/apiregistration.k8s.io/apiservices/'],
    ['apiextensions.k8s.io', 'customresourcedefinitions', '/registry/apiextensions.k8s.io/customresourcedefinitions/'],
  ])('of %s %s lie below %s', (group, resource, prefix) => {
    expect(builtinPrefix(group, resource)).toBe(prefix);
  });

  it('of custom resources begin with their group', () => {
    expect(objectKey(customPrefix('example.com', 'widgets'), 'a', 'x')).toBe('/registry/example.com/widgets/a/x');
    expect(objectKey(builtinPrefix('', 'nodes'), undefined, 'n:1')).toBe('/registry/minions/n:1');
  });

  it.each(['', '.', '..', 'a/b', 'a\0'])('never hold the name %j', name => {
    expect(() => objectKey('/registry/pods/', 'a', name)).toThrow('invalid key');
    expect(() => objectKey('/registry/pods/', name, 'a')).toThrow('invalid key');
  });
});

const token = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('continue tokens', () => {
  it('are those of upstream', () => {
    const made = encodeContinue('/registry/pods/a/x\0', '/registry/pods/', 12);
    // what an upstream server makes of the same key and revision
    expect(made).toBe('eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MTIsInN0YXJ0IjoiYS94XHUwMDAwIn0');
    expect(decodeContinue(made, '/registry/pods/')).toEqual({ startKey: '/registry/pods/a/x\0', revision: 12 });
    const newest = encodeContinue('/registry/pods/a/x\0', '/registry/pods/', undefined);
    expect(decodeContinue(newest, '/registry/pods/').revision).toBeUndefined();
  });

  it.each([
    ['bytes that are not base64', 'ab%%', ': illegal base64 data at input byte 2'],
    ['a length that base64 cannot have', 'aaaaa', ': illegal base64 data at input byte 4'],
    ['no JSON', Buffer.from('x').toString('base64url'), ": invalid character 'x' looking for beginning of value"],
    ['bytes that are no text', 'zzz', ": invalid character 'Ï' looking for beginning of value"],
    ['nothing in them', Buffer.from('{').toString('base64url'), ': unexpected end of JSON input'],
    ['JSON that is no object', token(1), ': json: cannot unmarshal number into Go value of type storage.continueToken'],
    ['another version', token({ v: 'v2', rv: 1, start: 'a' }), ': server does not recognize this encoded version v2'],
    [
      'no revision',
      token({ v: 'meta.k8s.io/v1', start: 'a' }),
      ': incorrect encoded start resourceVersion (version meta.k8s.io/v1)',
    ],
    [
      'a revision that is no number',
      token({ v: 'meta.k8s.io/v1', rv: '1', start: 'a' }),
      ': json: cannot unmarshal string into Go struct field continueToken.rv of type int64',
    ],
    ['no start', token({ v: 'meta.k8s.io/v1', rv: 1 }), ': encoded start key empty (version meta.k8s.io/v1)'],
    ['a start that climbs', token({ v: 'meta.k8s.io/v1', rv: 1, start: '../secrets/a' }), ': ../secrets/a'],
    ['a start that climbs later', token({ v: 'meta.k8s.io/v1', rv: 1, start: 'a/../../s/' }), ': a/../../s/'],
    ['a start with empty parts', token({ v: 'meta.k8s.io/v1', rv: 1, start: 'a//b' }), ': a//b'],
  ])('with %s are refused', (_, text, why) => {
    const message = `invalid continue token: continue key is not valid${why}`;
    expect(() => decodeContinue(text, '/registry/pods/')).toThrow(expect.objectContaining({ message }));
  });

  it('go not together with a resourceVersion', () => {
    const made = encodeContinue('/p/a\0', '/p/', 12);
    expect(() => planList('/p/', { continue: made, resourceVersion: '3' })).toThrow(
      'is not allowed when using continue',
    );
    expect(planList('/p/', { continue: made, resourceVersion: '0' }).exactRevision).toBe(12);
  });
});

it.each([
  ['-1', 'invalid syntax'],
  ['x', 'invalid syntax'],
  ['1.5', 'invalid syntax'],
  [' 1', 'invalid syntax'],
  ['18446744073709551616', 'value out of range'],
  ['9'.repeat(50_000), 'value out of range'],
])('refuses the resourceVersion %.30j', (text, why) => {
  expect(() => parseResourceVersion(text)).toThrow(
    `invalid resource version: resourceVersion: Invalid value: "${text}": strconv.ParseUint: parsing "${text}": ${why}`,
  );
});

it('takes a resourceVersion that no store has reached for one of the future', () => {
  expect(parseResourceVersion('18446744073709551615')).toBe(Number.MAX_SAFE_INTEGER);
});
