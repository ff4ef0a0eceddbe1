import { describe, expect, it } from 'vitest';
import { imageMessage } from '../../../../src/cri/image-service/image-message.ts';
import { registryAuth } from '../../../../src/cri/image-service/pull-image.ts';
import type { AuthConfig } from '../../../../src/rpc/cri-api.ts';

function image(user: string) {
  const config = { user, env: [], entrypoint: [], cmd: [], workingDir: '', stopSignal: '', volumes: [], labels: {} };
  return imageMessage({ id: 'sha256:1', repoTags: [], repoDigests: [], sizeBytes: 5, config, pinned: false });
}

describe('imageMessage', () => {
  const rows: readonly [string, string, bigint | undefined, string][] = [
    ['a number is the uid', '1002', 1002n, ''],
    ['a name is the username', 'www-data', undefined, 'www-data'],
    ['the group is left out beside a number', '1003:1004', 1003n, ''],
    ['the group is left out beside a name', 'www-data:1004', undefined, 'www-data'],
    ['no user is neither', '', undefined, ''],
  ];
  it.each(rows)('%s', (_sentence, user, uid, username) => {
    const message = image(user);
    expect(message.uid?.value).toBe(uid);
    expect(message.username).toBe(username);
  });
});

describe('registryAuth', () => {
  const auth = (fields: Partial<AuthConfig>): AuthConfig => ({
    username: '',
    password: '',
    auth: '',
    serverAddress: '',
    identityToken: '',
    registryToken: '',
    ...fields,
  });
  const rows: readonly [string, AuthConfig | undefined, unknown][] = [
    ['none', undefined, undefined],
    ['an empty one', auth({ serverAddress: 'r.io' }), undefined],
    [
      'name and password',
      auth({ username: 'a', password: 'b' }),
      { username: 'a', password: 'b', registryToken: '', identityToken: '' },
    ],
    [
      'both in base64, with a colon in the password',
      auth({ auth: Buffer.from('a:b:c\0').toString('base64') }),
      { username: 'a', password: 'b:c', registryToken: '', identityToken: '' },
    ],
    [
      'a registry token goes first',
      auth({ username: 'a', registryToken: 't' }),
      { username: '', password: '', registryToken: 't', identityToken: '' },
    ],
    [
      'an identity token goes before name and password',
      auth({ username: 'a', password: 'b', identityToken: 't' }),
      { username: '', password: '', registryToken: '', identityToken: 't' },
    ],
  ];
  it.each(rows)('%s', (_sentence, given, expected) => {
    expect(registryAuth(given)).toEqual(expected);
  });

  it.each([
    ['base64 without a colon', auth({ auth: 'eA==' }), 'name:password'],
    ['a token with a line break', auth({ registryToken: 't\nx' }), 'auth.registry_token contains characters'],
  ])('refuses %s', (_sentence, given, message) => {
    expect(() => registryAuth(given)).toThrow(message);
  });
});
