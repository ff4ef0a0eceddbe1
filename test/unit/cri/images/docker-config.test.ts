import { describe, expect, it } from 'vitest';
import { findCredentials, helperAnswer, parseDockerConfig } from '../../../../src/cri/images/docker-config.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const configOf = (content: object): ReturnType<typeof parseDockerConfig> => parseDockerConfig(JSON.stringify(content));

describe('a docker config', () => {
  it.each([
    ['auth', { auth: base64('me:p:w') }, { username: 'me', password: 'p:w' }],
    ['name and password', { username: 'me', password: 'pw' }, { username: 'me', password: 'pw' }],
    ['an identity token', { auth: base64('me:'), identitytoken: 'ID' }, { identityToken: 'ID', username: '' }],
    ['a registry token', { registrytoken: 'RT' }, { registryToken: 'RT' }],
  ])('shows %s', (_sentence, entry, auth) => {
    expect(findCredentials(configOf({ auths: { 'reg.example': entry } }), 'reg.example/a/b').auth).toMatchObject(auth);
  });

  it.each([
    [
      'the longest place counts',
      ['reg.example', 'reg.example/team', 'reg.example/te'],
      'reg.example/team/app',
      'reg.example/team',
    ],
    ['wild cards', ['*.example'], 'reg.example/app', '*.example'],
    ['the port counts', ['reg.example:5000'], 'reg.example/app', undefined],
    [
      "Docker's registry by its old address",
      ['https://index.docker.io/v1/'],
      'docker.io/library/app',
      'https://index.docker.io/v1/',
    ],
    ['another registry has nothing', ['https://index.docker.io/v1/'], 'reg.example/app', undefined],
    ["nor has this machine what is for Docker's", ['https://index.docker.io/v1/'], 'localhost/app', undefined],
    ['nor a host by its capitals', ['https://index.docker.io/v1/'], 'EVIL/app', undefined],
    ['nor a host without a dot', ['https://index.docker.io/v1/'], 'cache/app', undefined],
  ])('%s', (_sentence, places, repository, place) => {
    const auths = Object.fromEntries(places.map(p => [p, { username: p, password: 'x' }]));
    expect(findCredentials(configOf({ auths }), repository).auth?.username).toBe(place);
  });

  it.each([
    ['the store is for all', { credsStore: 'pass' }, 'reg.example/a', { name: 'pass', server: 'reg.example' }],
    [
      'a helper of its own goes first',
      { credsStore: 'pass', credHelpers: { 'reg.example': 'ecr-login' } },
      'reg.example/a',
      { name: 'ecr-login', server: 'reg.example' },
    ],
    [
      "Docker's registry has its address",
      { credsStore: 'pass' },
      'docker.io/library/a',
      { name: 'pass', server: 'https://index.docker.io/v1/' },
    ],
    [
      "the one of Docker's registry is for that alone",
      { credHelpers: { 'https://index.docker.io/v1/': 'pass' } },
      'localhost/a',
      undefined,
    ],
    ['no helper', {}, 'reg.example/a', undefined],
  ])('of helpers: %s', (_sentence, content, repository, helper) => {
    expect(findCredentials(configOf(content), repository).helper).toEqual(helper);
  });

  it('has nothing for an entry that is there by name only', () => {
    expect(findCredentials(configOf({ auths: { 'reg.example': {} } }), 'reg.example/a').auth).toBeUndefined();
  });

  it.each([
    ['text', 'x', 'it is not JSON'],
    ['a list', '[]', 'the file must be an object'],
    [
      'an auth without a colon',
      JSON.stringify({ auths: { r: { auth: 'eA==' } } }),
      'auths["r"].auth is not base64 of name:password',
    ],
    [
      'a helper that is a path',
      JSON.stringify({ credsStore: '../../bin/sh' }),
      'credsStore must be the name of a helper',
    ],
    [
      'a number for a password',
      JSON.stringify({ auths: { r: { password: 1 } } }),
      'auths["r"].password must be a string',
    ],
  ])('refuses %s', (_sentence, text, message) => {
    expect(() => parseDockerConfig(text)).toThrow(message);
  });
});

describe('the answer of a helper', () => {
  it.each([
    ['name and secret', { Username: 'me', Secret: 's' }, { username: 'me', password: 's', identityToken: '' }],
    ['an identity token', { Username: '<token>', Secret: 's' }, { username: '', password: '', identityToken: 's' }],
  ])('is %s', (_sentence, answer, auth) => {
    expect(helperAnswer(JSON.stringify(answer))).toMatchObject(auth);
  });

  it('may be that it has nothing', () => {
    expect(helperAnswer('{"ServerURL":"r","Username":"","Secret":""}')).toBeUndefined();
  });

  it('without a secret is refused', () => {
    expect(() => helperAnswer('{"Username":"me"}')).toThrow('its answer has no Username and Secret');
  });
});
