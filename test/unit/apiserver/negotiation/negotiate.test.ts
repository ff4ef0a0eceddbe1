import { describe, expect, it } from 'vitest';
import { RequestHeaders } from '../../../../src/apiserver/http.ts';
import {
  type Conversion,
  negotiateBody,
  negotiateResponse,
  negotiateStream,
  OBJECT_TYPES,
} from '../../../../src/apiserver/negotiation/negotiate.ts';

const request = (headers: Record<string, string>, query = '') => ({
  headers: new RequestHeaders(new Map(Object.entries(headers).map(([name, value]) => [name, [value]]))),
  query: new URLSearchParams(query),
});
const endpoint = {
  mediaTypes: OBJECT_TYPES,
  converts: ({ kind, group, version }: Conversion, { name }: { name: string }) =>
    kind === 'Table' && group === 'meta.k8s.io' && version === 'v1' && name === 'application/json',
};
const PROTOBUF = 'application/vnd.kubernetes.protobuf';

/** A sentence, Accept, the media type, the kind it is turned into. */
const ACCEPTED: readonly (readonly [string, string, string, string | undefined])[] = [
  ['no header is the default', '', 'application/json', undefined],
  ['anything is the default', '*/*', 'application/json', undefined],
  ['a wildcard of the type', 'application/*', 'application/json', undefined],
  ['the first that can be served', `text/html, ${PROTOBUF}`, PROTOBUF, undefined],
  ['quality decides before order', `application/json;q=0.5, ${PROTOBUF};q=0.9`, PROTOBUF, undefined],
  ['an exact type before a wildcard of the same quality', '*/*, application/yaml', 'application/yaml', undefined],
  ['parameters that are not known', 'application/json;charset=utf-8', 'application/json', undefined],
  ['what clients send for protobuf', `${PROTOBUF},application/json`, PROTOBUF, undefined],
  [
    'what kubectl get sends',
    'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json',
    'application/json',
    'Table',
  ],
  [
    'a table that cannot be served falls to the next',
    'application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/yaml',
    'application/yaml',
    undefined,
  ],
  [
    'a table in a representation that has none',
    `${PROTOBUF};as=Table;v=v1;g=meta.k8s.io,application/json`,
    'application/json',
    undefined,
  ],
  [
    'a quality of zero is only the last choice',
    'application/yaml;q=0, application/json;q=0.1',
    'application/json',
    undefined,
  ],
  ['and is served where there is no other', 'text/html, application/yaml;q=0', 'application/yaml', undefined],
  [
    'a quality that cannot be read is zero',
    'application/yaml;q="1", application/json;q=0.1',
    'application/json',
    undefined,
  ],
  [
    'an exact type before a wildcard that the client likes better',
    '*/*;q=1, application/yaml;q=0.2',
    'application/yaml',
    undefined,
  ],
  [
    'a kind in quotes is no kind that is known',
    'application/json;as="Table";v="v1";g="meta.k8s.io",application/yaml',
    'application/yaml',
    undefined,
  ],
  ['malformed parts are passed over', ',;,/,application/yaml', 'application/yaml', undefined],
  ['a server version is never served', 'application/json;sv=1,application/yaml', 'application/yaml', undefined],
];

describe('negotiation', () => {
  it.each(ACCEPTED)('%s', (_, accept, mediaType, kind) => {
    const agreement = negotiateResponse(request(accept === '' ? {} : { accept }), endpoint);
    expect(agreement.mediaType.name).toBe(mediaType);
    expect(agreement.conversion?.kind).toBe(kind);
  });

  it.each(['text/html', 'text/html;q=0', 'application/json;as=Nothing;v=v1;g=x', 'image/*'])('406 for %s', accept => {
    expect(() => negotiateResponse(request({ accept }), endpoint)).toThrow(
      expect.objectContaining({
        httpCode: 406,
        message: `only the following media types are accepted: application/json, application/yaml, ${PROTOBUF}`,
      }),
    );
  });

  it('a watch needs a representation that streams', () => {
    expect(negotiateStream(request({ accept: `${PROTOBUF};stream=watch` }), endpoint)).toMatchObject({
      stream: 'watch',
      mediaType: { name: PROTOBUF },
    });
    expect(() => negotiateStream(request({ accept: 'application/yaml' }), endpoint)).toThrow(
      `only the following media types are accepted: application/json;stream=watch, ${PROTOBUF};stream=watch`,
    );
  });

  it('passes the profile of discovery clients on', () => {
    expect(negotiateResponse(request({ accept: 'application/json;profile=nopeer' }), endpoint).profile).toBe('nopeer');
  });

  it.each([
    ['curl gets the pretty form', { 'user-agent': 'curl/8' }, '', true],
    ['a browser too', { 'user-agent': 'Mozilla/5.0 (X11)' }, '', true],
    ['clients do not', { 'user-agent': 'kubectl/v1.36.0' }, '', false],
    ['who asks for it does', {}, 'pretty=true', true],
    ['who asks not to does not', { 'user-agent': 'curl/8' }, 'pretty=false', false],
    ['what has no pretty form stays as it is', { accept: PROTOBUF }, 'pretty=1', false],
    ['a parameter of the media type', { accept: 'application/json;pretty=1' }, '', true],
  ] as const)('%s', (_, headers, query, pretty) => {
    expect(negotiateResponse(request(headers), endpoint).mediaType).toBeDefined();
    expect(negotiateResponse(request(headers, query), endpoint).pretty).toBe(pretty);
  });

  it.each([
    ['', 'application/json'],
    ['application/json', 'application/json'],
    ['Application/YAML; charset=utf-8', 'application/yaml'],
    [' application/json ; a=b;c="d;\\"e"; ', 'application/json'],
    [PROTOBUF, PROTOBUF],
  ])('takes a body of type %j', (contentType, name) => {
    expect(negotiateBody(contentType, OBJECT_TYPES).name).toBe(name);
  });

  it.each([
    'text/plain',
    'application',
    '/',
    'application/json,application/yaml',
    '__proto__',
    'application/json; x',
    'application/json;a=b;A=c',
  ])('415 for a body of type %j', contentType => {
    expect(() => negotiateBody(contentType, OBJECT_TYPES)).toThrow(
      expect.objectContaining({
        httpCode: 415,
        message: `the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, ${PROTOBUF}`,
      }),
    );
  });
});
