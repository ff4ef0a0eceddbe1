import { describe, expect, it } from 'vitest';
import { tokenRequests } from '../../../../src/cri/images/registry-token.ts';
import { parseChallenges } from '../../../../src/cri/images/www-authenticate.ts';

const NOBODY = { username: '', password: '', registryToken: '', identityToken: '' };
const HEADER = 'Bearer realm="https://auth.example/token?x=1",service="reg.example",scope="repository:a/b:pull"';

function requestsFor(auth: Partial<typeof NOBODY> | undefined, header = HEADER) {
  const [challenge = { scheme: '', parameters: {} }] = parseChallenges(header);
  const requests = tokenRequests(
    'reg.example',
    'a/b',
    challenge,
    auth === undefined ? undefined : { ...NOBODY, ...auth },
  );
  return requests.map(({ url, authorization, form }) => ({ url: url.href, authorization, form }));
}

const basic = (pair: string): string => `Basic ${Buffer.from(pair).toString('base64')}`;
const GET = 'https://auth.example/token?x=1&service=reg.example&scope=repository%3Aa%2Fb%3Apull';

describe('a token is asked for', () => {
  it('by nobody', () => {
    expect(requestsFor(undefined)).toEqual([{ url: GET, authorization: undefined, form: undefined }]);
  });

  it('with name and password', () => {
    expect(requestsFor({ username: 'me', password: 'p' })).toEqual([
      { url: GET, authorization: basic('me:p'), form: undefined },
    ]);
  });

  it('with an identity token by POST, and by GET where that is not known', () => {
    expect(requestsFor({ identityToken: 'ID' })).toEqual([
      {
        url: 'https://auth.example/token?x=1',
        authorization: undefined,
        form: 'grant_type=refresh_token&client_id=gantry&service=reg.example&scope=repository%3Aa%2Fb%3Apull&refresh_token=ID',
      },
      { url: GET, authorization: basic(':ID'), form: undefined },
    ]);
  });

  it('for each scope of several, and for the repository where none is named', () => {
    expect(requestsFor(undefined, 'Bearer realm="http://a/t",scope="x y"')[0]?.url).toBe('http://a/t?scope=x&scope=y');
    expect(requestsFor(undefined, 'Bearer realm="http://a/t"')[0]?.url).toBe(
      'http://a/t?scope=repository%3Aa%2Fb%3Apull',
    );
  });

  it('nowhere but at an address of HTTP', () => {
    expect(() => requestsFor(undefined, 'Bearer realm="file:///etc/shadow"')).toThrow(/is not an HTTP address/);
  });
});
