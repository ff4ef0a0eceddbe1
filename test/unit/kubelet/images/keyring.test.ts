import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Secret } from '../../../../src/api/types/gen/core-v1.ts';
import { credentialsFor, keyringOf } from '../../../../src/kubelet/images/keyring.ts';
import { repositoryOf } from '../../../../src/kubelet/images/plan.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const json = (auths: object, name = 's'): Secret => ({
  metadata: { name },
  type: 'kubernetes.io/dockerconfigjson',
  data: { '.dockerconfigjson': base64(JSON.stringify({ auths })) },
});
const login = (username: string) => ({ username, password: 'p' });
const usersFor = (places: readonly string[], repository: string): string[] => {
  const auths = Object.fromEntries(places.map(place => [place, login(place)]));
  return credentialsFor(keyringOf([json(auths)]), repository).map(c => c.username);
};

describe('keyringOf', () => {
  it('reads both types of secrets, and auth before user and password', () => {
    const old: Secret = {
      metadata: { name: 'old' },
      type: 'kubernetes.io/dockercfg',
      data: { '.dockercfg': base64(JSON.stringify({ 'old.example': { auth: base64('me:pass:word') } })) },
    };
    const keyring = keyringOf([json({ 'https://reg.example/v1/': { ...login('x'), auth: base64('you:p') } }), old]);
    expect(Object.fromEntries(keyring)).toMatchObject({
      'reg.example': [{ username: 'you', password: 'p' }],
      'old.example': [{ username: 'me', password: 'pass:word' }],
    });
  });

  it('says where each is from, with a hash of what is shown', () => {
    const metadata = { name: 's', namespace: 'n', uid: 'u' };
    const [credential] = keyringOf([{ ...json({ r: login('me') }), metadata }]).get('r') ?? [];
    const credentialHash = createHash('sha256').update('{"username":"me","password":"p"}').digest('hex');
    expect(credential?.secret).toEqual({ ...metadata, credentialHash });
  });

  it('takes nothing from other secrets', () => {
    expect(keyringOf([{ metadata: {}, type: 'Opaque', data: { '.dockerconfigjson': base64('{') } }]).size).toBe(0);
    expect(keyringOf([{ metadata: {}, type: 'kubernetes.io/dockerconfigjson', data: {} }]).size).toBe(0);
  });

  it.each([
    ['what is no JSON', { ...json({}, 'bad'), data: { '.dockerconfigjson': base64('{') } }, /"bad" cannot be read/],
    ['an auth without a colon', json({ r: { auth: base64('me') } }, 'bad'), /"bad": auth of "r" is not base64/],
  ])('names the secret with %s', (_, secret, message) => {
    expect(() => keyringOf([secret])).toThrow(message);
  });
});

describe('credentialsFor', () => {
  it.each<[readonly string[], string, readonly string[], string]>([
    [['reg.example'], 'reg.example/a/b', ['reg.example'], 'the same host'],
    [['reg.example'], 'other.example/a', [], 'another host'],
    [['http://reg.example'], 'reg.example/a', ['http://reg.example'], 'schemes do not matter'],
    [['reg.example:5000'], 'reg.example:5000/a', ['reg.example:5000'], 'the same port'],
    [['reg.example'], 'reg.example:5000/a', [], 'another port'],
    [['reg.example/a'], 'reg.example/a/b', ['reg.example/a'], 'a path before the name'],
    [['reg.example/b'], 'reg.example/a/b', [], 'another path'],
    [['reg.example', 'reg.example/a'], 'reg.example/a/b', ['reg.example/a', 'reg.example'], 'the longer place first'],
    [['reg.example/v2/'], 'reg.example/a', ['reg.example/v2/'], '/v2/ is the whole registry'],
    [['reg.example/v2/a'], 'reg.example/a', ['reg.example/v2/a'], '/v2/ before a path'],
    [['*.example'], 'reg.example/a', ['*.example'], 'any label'],
    [['*.example'], 'a.reg.example/a', [], 'but not two'],
    [['re*-?.example'], 'reg-1.example/a', ['re*-?.example'], 'part of a label'],
    [['*.example:5000'], 'reg.example/a', [], 'a wild card has its port'],
    [['https://index.docker.io/v1/'], 'docker.io/library/a', ['https://index.docker.io/v1/'], 'the default registry'],
    [['docker.io'], 'docker.io/library/a', ['docker.io'], 'by its other name'],
    [['https://index.docker.io/v1/'], 'localhost:5000/a', [], 'no default registry'],
    [['***************b'], `${'a'.repeat(63)}/a`, [], 'a hostile wild card'],
  ])('%j for %s are %j: %s', (places, repository, expected) => {
    expect(usersFor(places, repository)).toEqual(expected);
  });

  it.each([
    ['busybox', 1],
    ['me/app:1', 1],
    ['docker.io/app', 1],
    ['index.docker.io/me/app', 1],
    ['localhost/app', 0],
    ['EVIL/app', 0],
  ])("of Docker's registry for the image %s are %i", (image, count) => {
    expect(usersFor(['https://index.docker.io/v1/'], repositoryOf(image))).toHaveLength(count);
  });

  it('gives all that two secrets have for one place, in the order of the secrets', () => {
    const keyring = keyringOf([json({ r: login('one') }), json({ r: login('two') })]);
    expect(credentialsFor(keyring, 'r/a').map(c => c.username)).toEqual(['one', 'two']);
  });
});
