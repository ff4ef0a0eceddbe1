import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestApiServer } from '../harness/api-server.ts';
import { overHttp1, overHttp2, type RawAnswer, type RawClient, type RawRequest } from '../harness/raw-request.ts';
import { TestAuthority } from '../harness/test-authority.ts';

/** What clients must not send, and what they are told: the built command over etcd, codes, reasons and texts as upstream's. */

const MAPS = '/api/v1/namespaces/default/configmaps';
const JSON_BODY = { 'content-type': 'application/json' };
const YAML_BODY = { 'content-type': 'application/yaml' };
const JSON_PATCH = { 'content-type': 'application/json-patch+json' };
const MERGE_PATCH = { 'content-type': 'application/merge-patch+json' };
const PROTOBUF_BODY = { 'content-type': 'application/vnd.kubernetes.protobuf' };

let server: TestApiServer;
let admin: RawClient;

beforeAll(async () => {
  server = await TestApiServer.start();
  admin = { port: server.port, ...server.credentials('admin', ['system:masters']) };
  expect((await post(map('old', { data: { k: 'v' } }))).status).toBe(201);
  expect((await post(map('fixed', { immutable: true, data: { k: 'v' } }))).status).toBe(201);
});
afterAll(() => server.remove());

const map = (name: string, more: object = {}): string =>
  JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, ...more });
const post = (body: string | Buffer, query = '', headers: RawRequest['headers'] = JSON_BODY): Promise<RawAnswer> =>
  overHttp1(admin, { method: 'POST', path: MAPS + query, headers, body });
const put = (name: string, body: string): Promise<RawAnswer> =>
  overHttp1(admin, { method: 'PUT', path: `${MAPS}/${name}`, headers: JSON_BODY, body });
const patch = (body: string, headers: RawRequest['headers'] = JSON_PATCH, of = 'old'): Promise<RawAnswer> =>
  overHttp1(admin, { method: 'PATCH', path: `${MAPS}/${of}`, headers, body });
const get = (path: string, headers: RawRequest['headers'] = {}): Promise<RawAnswer> =>
  overHttp1(admin, { path, headers });
const told = ({ status, json }: RawAnswer) => [status, json?.reason, json?.message];

describe('fields that are unknown or come twice', () => {
  const body = (name: string): string =>
    `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"${name}"},"data":{"a":"1","a":"2"},"foo":1}`;
  const warnings = '299 - "duplicate field \\"data.a\\"", 299 - "unknown field \\"foo\\""';

  it('are refused where that is asked for', async () => {
    expect(told(await post(body('strict'), '?fieldValidation=Strict'))).toEqual([
      400,
      'BadRequest',
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: duplicate field "data.a", unknown field "foo"',
    ]);
  });

  it.each([
    ['warn', '?fieldValidation=Warn', warnings],
    ['default', '', warnings],
    ['ignore', '?fieldValidation=Ignore', undefined],
  ])('are told or not: %s', async (name, query, warning) => {
    const answer = await post(body(name), query);
    expect([answer.status, answer.headers['warning'], answer.json.data]).toEqual([201, warning, { a: '2' }]);
  });

  it.each([
    [
      '?fieldValidation=Odd',
      'fieldValidation: Unsupported value: "Odd": supported values: "", "Ignore", "Strict", "Warn"',
    ],
    ['?dryRun=Some', 'dryRun: Unsupported value: ["Some"]: supported values: "All"'],
  ])('%s is no way to ask', async (query, message) => {
    const answer = await post(map('x'), query);
    expect(told(answer)).toEqual([422, 'Invalid', `CreateOptions.meta.k8s.io "" is invalid: ${message}`]);
  });
});

describe('bodies', () => {
  const cannot = (why: string): string => `ConfigMap in version "v1" cannot be handled as a ConfigMap: ${why}`;

  it.each([
    [
      'a wrong type',
      map('x', { data: { a: 1 } }),
      'json: cannot unmarshal number into Go struct field ConfigMap.data of type string',
    ],
    [
      'a list for a map',
      map('x', { data: [] }),
      'json: cannot unmarshal array into Go struct field ConfigMap.data of type map[string]string',
    ],
  ])('in JSON: %s', async (_, body, why) => {
    expect(told(await post(body))).toEqual([400, 'BadRequest', cannot(why)]);
  });

  const UNRECOGNIZED = 'the object provided is unrecognized (must be of type ConfigMap): ';
  const NO_JSON = "couldn't get version/kind; json parse error: ";
  it.each([
    ['a list for an object', '[]', 'json: cannot unmarshal array into Go value of type struct {', '(5b5d)'],
    ['no JSON', 'hello', "invalid character 'h' looking for beginning of value", '(68656c6c6f)'],
    ['nothing', '', 'unexpected end of JSON input', '(<empty>)'],
    [
      'a hundred thousand objects in each other',
      `{"data":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_001)}`,
      "invalid character '{' exceeded max depth",
      '({"data":{"a":{"a":{"a":{"a":{" ...)',
    ],
    [
      'a million lists that are never closed',
      '['.repeat(1_000_000),
      "invalid character '[' exceeded max depth",
      `(${'5b'.repeat(30)} ...)`,
    ],
  ])('of which the kind cannot be told: %s', async (_, body, why, shown) => {
    const [code, reason, message] = told(await post(body)) as [number, string, string];
    expect([code, reason]).toEqual([400, 'BadRequest']);
    expect(message.startsWith(UNRECOGNIZED + NO_JSON + why)).toBe(true);
    expect(message.endsWith(` ${shown}`)).toBe(true);
  });

  it.each([
    ['lists in lists', `a: ${'['.repeat(100_000)}`, 'exceeded max depth of 10000'],
    [
      'aliases of aliases, a billion in all',
      [
        'x: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]',
        ...'bcdefghi'
          .split('')
          .map((name, i) => `${name}: &${name} [${Array(10).fill(`*${'abcdefgh'[i]}`).join(', ')}]`),
      ].join('\n'),
      'document contains excessive aliasing',
    ],
    ['no YAML', 'a: b: c', 'mapping values are not allowed in this context'],
    ['tabs', '\ta: b', 'found character that cannot start any token'],
    [
      'a template that was not filled in',
      '\na: {{ b }}',
      'invalid map key: map[interface {}]interface {}{"b":interface {}(nil)}',
    ],
  ])('in YAML: %s', async (_, body, why) => {
    const answer = await post(body, '', YAML_BODY);
    expect(told(answer)).toEqual([400, 'BadRequest', expect.stringContaining(`${UNRECOGNIZED}yaml: ${why} (`)]);
  });

  it.each([
    [
      'text',
      Buffer.from('hello'),
      'provided data does not appear to be a protobuf message, expected prefix [107 56 115 0] (68656c6c6f)',
    ],
    ['a length beyond the end', Buffer.from('k8s\0\xff\xff\xff\xff', 'latin1'), 'unexpected EOF (6b387300ffffffff)'],
  ])('in protobuf: %s', async (_, body, why) => {
    expect(told(await post(body, '', PROTOBUF_BODY))).toEqual([400, 'BadRequest', UNRECOGNIZED + why]);
  });

  it.each([
    ['HTTP/1.1', overHttp1],
    ['HTTP/2', overHttp2],
  ] as const)('of more than 3 MiB over %s', async (_, send) => {
    const body = map('large', { data: { k: 'x'.repeat(3 * 1024 * 1024) } });
    const answer = await send(admin, { method: 'POST', path: MAPS, headers: JSON_BODY, body });
    expect(told(answer)).toEqual([413, 'RequestEntityTooLarge', 'Request entity too large: limit is 3145728']);
  });

  it('in forms that are not known', async () => {
    const known = 'application/json, application/yaml, application/vnd.kubernetes.protobuf';
    for (const type of ['application/xml', 'text', 'a/b/c;;', 'application/json-patch+json'])
      expect(told(await post('{}', '', { 'content-type': type }))).toEqual([
        415,
        'UnsupportedMediaType',
        `the body of the request was in an unknown format - accepted media types include: ${known}`,
      ]);
    expect((await post(map('without-type'), '', {})).status).toBe(201);
  });
});

describe('objects', () => {
  it.each([
    [
      'a bad name',
      () => post(map('A_b')),
      422,
      'Invalid',
      'ConfigMap "A_b" is invalid: metadata.name: Invalid value: "A_b": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, ' +
        "'-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is " +
        "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
    ],
    [
      'no name',
      () => post('{}'),
      422,
      'Invalid',
      'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required',
    ],
    ['a name that is taken', () => post(map('old')), 409, 'AlreadyExists', 'configmaps "old" already exists'],
    [
      'another namespace',
      () => post(JSON.stringify({ metadata: { name: 'x', namespace: 'other' } })),
      400,
      'BadRequest',
      'the namespace of the provided object does not match the namespace sent on the request',
    ],
    [
      'another name',
      () => put('other', map('old')),
      400,
      'BadRequest',
      'the name of the object (old) does not match the name on the URL (other)',
    ],
    [
      'a version that is old',
      () => put('old', JSON.stringify({ metadata: { name: 'old', resourceVersion: '1' } })),
      409,
      'Conflict',
      'Operation cannot be fulfilled on configmaps "old": the object has been modified; please apply your changes to the latest version and try again',
    ],
    [
      'what must not change',
      () => put('fixed', map('fixed', { immutable: true, data: { k: 'w' } })),
      422,
      'Invalid',
      'ConfigMap "fixed" is invalid: data: Forbidden: field is immutable when `immutable` is set',
    ],
    ['an object that is not there', () => get(`${MAPS}/none`), 404, 'NotFound', 'configmaps "none" not found'],
  ])('%s', async (_, ask, status, reason, message) => {
    expect(told(await ask())).toEqual([status, reason, message]);
  });
});

describe('patches', () => {
  const adds = (count: number): string =>
    JSON.stringify(Array.from({ length: count }, (_, i) => ({ op: 'add', path: '/data/k', value: String(i) })));
  const causes = ({ json }: RawAnswer) => json.details?.causes?.map((cause: { message: string }) => cause.message);

  it('of 10,000 operations are taken, of one more refused', async () => {
    expect((await patch(adds(10_000))).json.data).toMatchObject({ k: '9999' });
    expect(told(await patch(adds(10_001)))).toEqual([
      413,
      'RequestEntityTooLarge',
      'Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001',
    ]);
  });

  it('must not make much of little by copies', async () => {
    const value = 'y'.repeat(100_000);
    const copies = Array.from({ length: 40 }, (_, i) => ({ op: 'copy', from: '/data/x', path: `/data/x${i}` }));
    const answer = await patch(JSON.stringify([{ op: 'add', path: '/data/x', value }, ...copies]));
    expect([answer.status, causes(answer)]).toEqual([
      422,
      [
        expect.stringMatching(
          /^Unable to complete the copy, the accumulated size increase of copy is \d+, exceeding the limit 3145728$/,
        ),
      ],
    ]);
  });

  it.each([
    [
      'of a place that is not there',
      '[{"op":"remove","path":"/data/none"}]',
      "error in remove for path: '/data/none': Unable to remove nonexistent key: none: missing value",
    ],
    [
      'whose way breaks off',
      '[{"op":"add","path":"/none/k","value":"1"}]',
      'add operation does not apply: doc is missing path: "/none/k": missing value',
    ],
    [
      'whose test fails',
      '[{"op":"test","path":"/data/k","value":"other"}]',
      'testing value /data/k failed: test failed',
    ],
    ['of an unknown operation', '[{"op":"explode","path":"/data/k"}]', 'Unexpected kind: explode'],
    ['without operation', '[{"path":"/data/k"}]', 'Unexpected kind: unknown'],
    ['without path', '[{"op":"add","value":"1"}]', 'add operation failed to decode path: missing value'],
  ])('%s do not fit', async (_, body, cause) => {
    const answer = await patch(body);
    const message = 'the server rejected our request due to an error in our request';
    expect(told(answer)).toEqual([422, 'Invalid', message]);
    // What upstream's library says, and upstream keeps to itself.
    expect(causes(answer)).toEqual([cause]);
  });

  const DECODING = 'error decoding patch: ';
  const NO_OBJECT = 'into Go value of type map[string]interface {}';
  const STRATEGIC = { 'content-type': 'application/strategic-merge-patch+json' };
  const tower = `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`;
  it.each([
    [
      'that are no list',
      JSON_PATCH,
      '{}',
      `${DECODING}json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp`,
    ],
    [
      'of what are no operations',
      JSON_PATCH,
      '[1]',
      `${DECODING}json: cannot unmarshal number into Go value of type handlers.jsonPatchOp`,
    ],
    [
      'with a path that is no text',
      JSON_PATCH,
      '[{"op":"add","path":1}]',
      `${DECODING}json: cannot unmarshal number into Go struct field jsonPatchOp.path of type string`,
    ],
    ['that are cut off', JSON_PATCH, '{', `${DECODING}unexpected end of JSON input`],
    ['that are nothing', JSON_PATCH, '', `${DECODING}unexpected end of JSON input`],
    [
      'that are no JSON',
      JSON_PATCH,
      '[{]',
      `${DECODING}invalid character ']' looking for beginning of object key string`,
    ],
    ['nested without end', JSON_PATCH, tower, `${DECODING}invalid character '{' exceeded max depth`],
    ['that merge and are cut off', MERGE_PATCH, '{', `${DECODING}unexpected end of JSON input`],
    ['that merge a list', MERGE_PATCH, '[]', `${DECODING}json: cannot unmarshal array ${NO_OBJECT}`],
    ['that merge without end', MERGE_PATCH, tower, `${DECODING}invalid character '{' exceeded max depth`],
    ['that merge by strategy and are cut off', STRATEGIC, '{', 'unexpected end of JSON input'],
    ['that merge a list by strategy', STRATEGIC, '[]', `json: cannot unmarshal array ${NO_OBJECT}`],
    ['that merge by strategy without end', STRATEGIC, tower, "invalid character '{' exceeded max depth"],
  ])('%s are none', async (_, headers, body, message) => {
    expect(told(await patch(body, headers))).toEqual([400, 'BadRequest', message]);
  });

  it.each([
    ['that are no list', JSON_PATCH, '{}', 'json: cannot unmarshal object into Go value of type jsonpatch.Patch'],
    [
      'of what are no operations',
      JSON_PATCH,
      '[1]',
      'json: cannot unmarshal number into Go value of type jsonpatch.Operation',
    ],
    ['that are cut off', JSON_PATCH, '{', 'unexpected end of JSON input'],
    ['that merge and are cut off', MERGE_PATCH, '{', 'Invalid JSON Patch'],
    ['that merge a text', MERGE_PATCH, '"a"', 'Invalid JSON Patch'],
  ])('%s are none, where fields are not validated', async (_, headers, body, message) => {
    expect(told(await patch(body, headers, 'old?fieldValidation=Ignore'))).toEqual([400, 'BadRequest', message]);
  });

  it.each([JSON_PATCH, MERGE_PATCH, STRATEGIC])(
    'are not looked at where there is nothing to patch: %o',
    async headers => {
      expect(told(await patch('{', headers, 'none'))).toEqual([404, 'NotFound', 'configmaps "none" not found']);
    },
  );

  it.each(['text/plain', 'application/apply-patch+cbor', 'application/json'])('as %s', async type => {
    expect(told(await patch('{}', { 'content-type': type }))).toEqual([
      415,
      'UnsupportedMediaType',
      'the body of the request was in an unknown format - accepted media types include: application/json-patch+json, ' +
        'application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml',
    ]);
  });
});

describe('keys that every object of JavaScript inherits', () => {
  const hostile = '{"__proto__":{"polluted":"1"},"constructor":{"prototype":{"polluted":"1"}},"toString":1}';

  it('are data like any other in JSON, YAML and patches', async () => {
    const data = '{"__proto__": "1", "constructor": "2", "toString": "3"}';
    const stored = [
      await post(
        `{"metadata":{"name":"hostile-json"},"data":${data},"__proto__":{"polluted":"1"}}`,
        '?fieldValidation=Ignore',
      ),
      await post(`metadata: {name: hostile-yaml}\ndata: ${data}`, '', YAML_BODY),
      await patch(`{"data":${data}}`, MERGE_PATCH),
      await patch(`{"data":${data}}`, { 'content-type': 'application/strategic-merge-patch+json' }),
      await patch(
        '[{"op":"add","path":"/data/__proto__","value":"1"},{"op":"add","path":"/data/constructor","value":"2"}]',
      ),
    ];
    for (const { json } of stored)
      expect(Object.entries(json.data)).toEqual(
        expect.arrayContaining([
          ['__proto__', '1'],
          ['constructor', '2'],
          ['toString', '3'],
        ]),
      );
    expect(Object.keys(stored[0]?.json)).toEqual(['kind', 'apiVersion', 'metadata', 'data']);
  });

  it('are unknown fields, and no labels, names or selectors of fields', async () => {
    const refused = [
      await post(`{"metadata":{"name":"x"},${hostile.slice(1)}`, '?fieldValidation=Strict'),
      await post('{"metadata":{"name":"x","labels":{"__proto__":"a"}}}'),
      await post('{"metadata":{"name":"__proto__"}}'),
      await get(`${MAPS}?fieldSelector=__proto__%3Da`),
      await get(`${MAPS}?labelSelector=__proto__%3Da`),
      await patch('[{"op":"add","path":"/__proto__/polluted","value":1}]'),
      await get('/api/v1/namespaces/default/__proto__'),
      await get('/apis/__proto__/constructor/toString'),
    ];
    expect(refused.map(({ status }) => status)).toEqual([400, 422, 422, 400, 400, 422, 404, 404]);
    expect((await get(`${MAPS}?__proto__=1&constructor=2&labelSelector=constructor%3Da`)).status).toBe(200);
  });

  it('leave nothing behind in the server', async () => {
    await patch(hostile, MERGE_PATCH);
    const { json } = await post(map('clean'));
    expect(Object.keys(json)).toEqual(['kind', 'apiVersion', 'metadata']);
    expect(json.metadata).not.toHaveProperty('polluted');
    expect(told(await post(map('clean-2', { polluted: '1' }), '?fieldValidation=Strict'))).toEqual([
      400,
      'BadRequest',
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "polluted"',
    ]);
  });
});

describe('parameters', () => {
  it.each([
    ['labelSelector=a in (', 400, "unable to parse requirement: found '', expected: ',', ')' or identifier"],
    ['labelSelector=a b', 400, "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
    ['labelSelector=!', 400, "unable to parse requirement: found '', expected: identifier"],
    ['labelSelector=a,', 400, "found '', expected: identifier after ','"],
    [
      'labelSelector=a>x',
      400,
      "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer",
    ],
    ['fieldSelector=metadata.name', 400, "invalid selector: 'metadata.name'; can't understand 'metadata.name'"],
    ['fieldSelector=foo=bar', 400, '"foo" is not a known field selector: only "metadata.name", "metadata.namespace"'],
    [
      'resourceVersion=x',
      400,
      'invalid resource version: resourceVersion: Invalid value: "x": strconv.ParseUint: parsing "x": invalid syntax',
    ],
    [
      'continue=zzz',
      400,
      "invalid continue token: continue key is not valid: invalid character 'Ï' looking for beginning of value",
    ],
    ['limit=x', 400, 'strconv.ParseInt: parsing "x": invalid syntax'],
    ['timeout=x', 400, 'invalid timeout specified in the request URL - time: invalid duration "x"'],
    [
      'resourceVersionMatch=Exact',
      422,
      'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided',
    ],
  ])('%s', async (query, status, message) => {
    const [name = '', ...value] = query.split('=');
    const answer = await get(`${MAPS}?${name}=${encodeURIComponent(value.join('='))}`);
    expect([answer.status, answer.json.message]).toEqual([status, message]);
  });

  it.each(['text/html', 'x', ';;', 'application/json;as=Nope;v=v1;g=meta.k8s.io'])('Accept: %s', async accept => {
    expect(told(await get(MAPS, { accept }))).toEqual([
      406,
      'NotAcceptable',
      'only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf',
    ]);
  });
});

describe('paths', () => {
  it.each([
    ['/api/v1/namespaces/../pods', 400, 'invalid key: "/pods/.."'],
    ['/api/v1/namespaces/%2e%2e/pods/x', 400, 'invalid key: "/pods/../x"'],
    ['/api/v1/namespaces/./pods?watch=1', 400, 'invalid key: "/pods/."'],
    ['/api/v1/namespaces/default/pods/..', 400, `Name parameter invalid: "..": may not be '..'`],
    ['/api/v1/namespaces/default/pods/a%252fb', 400, `Name parameter invalid: "a%2fb": may not contain '%'`],
    ['/api/v1/namespaces/default/pods/a%2fb', 404, 'the server could not find the requested resource'],
    ['/api/v1/namespaces/default/pods/%00', 404, 'pods "\\x00" not found'],
    ['/api/v1/namespaces/default/pods/%ff', 404, 'pods "\uFFFD" not found'],
    ['/api//v1/pods', 404, 'the server could not find the requested resource'],
    ['/api/v1//pods', 404, 'the server could not find the requested resource'],
    ['/api/../api/v1/pods', 404, 'the server could not find the requested resource'],
    [`/api/v1/namespaces/default/pods/${'x'.repeat(60_000)}`, 404, `pods "${'x'.repeat(60_000)}" not found`],
  ])('%.60s', async (path, status, message) => {
    for (const send of [overHttp1, overHttp2]) {
      const answer = await send(admin, { path });
      expect([answer.status, answer.json?.message]).toEqual([status, message]);
    }
  });

  it.each([
    ['//api/v1/pods', 404, '404 page not found\n'],
    ['//', 404, '404 page not found\n'],
    ['/../api/v1/pods', 404, '404 page not found\n'],
    ['/%zz', 400, '400 Bad Request'],
    ['/%', 400, '400 Bad Request'],
  ])('%s', async (path, status, text) => {
    for (const send of [overHttp1, overHttp2]) {
      const answer = await send(admin, { path });
      expect([answer.status, answer.text]).toEqual([status, text]);
    }
  });

  it.each([
    ['POST', '/api/v1/pods'],
    ['PUT', '/api/v1/namespaces/default/pods'],
    ['POST', '/api/v1/namespaces/default/pods/x'],
    ['DELETE', '/api/v1/namespaces'],
    ['GET', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews'],
  ])('%s %s', async (method, path) => {
    expect(told(await overHttp1(admin, { method, path }))).toEqual([
      405,
      'MethodNotAllowed',
      'the server does not allow this method on the requested resource',
    ]);
  });

  it('that begin with a scheme and a host, as for a proxy', async () => {
    expect((await overHttp1(admin, { path: `http://elsewhere${MAPS}/old` })).json.metadata.name).toBe('old');
  });
});

describe.each([
  ['HTTP/1.1', overHttp1],
  ['HTTP/2', overHttp2],
] as const)('who asks, over %s', (_, send) => {
  const anonymous = (): RawClient => ({ port: server.port, ca: server.authority.pem });
  const unauthorized = [401, 'Unauthorized', 'Unauthorized'];
  const hour = 3_600_000;
  const claims = (more: object): string => Buffer.from(JSON.stringify(more)).toString('base64url');

  it.each([
    ['no token', 'x'],
    ['three parts of nothing', 'a.b.c'],
    [
      'a token without a signature',
      `${claims({ alg: 'none' })}.${claims({ sub: 'system:serviceaccount:kube-system:x' })}.`,
    ],
    ['a bootstrap token of nobody', 'abcdef.0123456789abcdef'],
    ['a very long one', 'x'.repeat(20_000)],
  ])('shows %s', async (_name, token) => {
    const headers = { authorization: `Bearer ${token}` };
    expect(told(await send(anonymous(), { path: MAPS, headers }))).toEqual(unauthorized);
  });

  it('shows a token that is changed, or for somebody else', async () => {
    await overHttp1(admin, {
      method: 'POST',
      path: '/api/v1/namespaces/default/serviceaccounts',
      body: '{"metadata":{"name":"robot"}}',
    });
    const path = '/api/v1/namespaces/default/serviceaccounts/robot/token';
    const tokenFor = async (spec: object): Promise<string> =>
      (await overHttp1(admin, { method: 'POST', path, headers: JSON_BODY, body: JSON.stringify({ spec }) })).json.status
        .token;
    const bearer = async (token: string) =>
      told(await send(anonymous(), { path: MAPS, headers: { authorization: `Bearer ${token}` } }));
    const good = await tokenFor({});
    expect(await bearer(good)).toEqual([
      403,
      'Forbidden',
      'configmaps is forbidden: User "system:serviceaccount:default:robot" cannot list resource "configmaps" in API group "" in the namespace "default"',
    ]);
    const [head, body, signature = ''] = good.split('.');
    const turned = (signature.startsWith('A') ? 'B' : 'A') + signature.slice(1);
    expect(await bearer(`${head}.${body}.${turned}`)).toEqual(unauthorized);
    const masters = claims({
      ...JSON.parse(Buffer.from(body ?? '', 'base64url').toString()),
      sub: 'system:serviceaccount:kube-system:x',
    });
    expect(await bearer(`${head}.${masters}.${signature}`)).toEqual(unauthorized);
    expect(await bearer(await tokenFor({ audiences: ['elsewhere'] }))).toEqual(unauthorized);
  });

  it.each([
    ['of another CA', () => new TestAuthority().issue('admin', ['system:masters'], 'clientAuth')],
    ['made for servers', () => server.authority.issue('admin', ['system:masters'], 'serverAuth')],
    [
      'that has expired',
      () =>
        server.authority.issue('admin', ['system:masters'], 'clientAuth', {
          notBefore: new Date(Date.now() - 2 * hour),
          notAfter: new Date(Date.now() - hour),
        }),
    ],
    [
      'of tomorrow',
      () =>
        server.authority.issue('admin', ['system:masters'], 'clientAuth', {
          notBefore: new Date(Date.now() + 24 * hour),
          notAfter: new Date(Date.now() + 25 * hour),
        }),
    ],
  ])('shows a certificate %s', async (_name, issue) => {
    expect(told(await send({ ...anonymous(), ...issue() }, { path: MAPS }))).toEqual(unauthorized);
  });

  it('has no rights', async () => {
    const jane = { port: server.port, ...server.credentials('jane', ['dev']) };
    expect(told(await send(jane, { path: `${MAPS}/old` }))).toEqual([
      403,
      'Forbidden',
      'configmaps "old" is forbidden: User "jane" cannot get resource "configmaps" in API group "" in the namespace "default"',
    ]);
    expect(told(await send(jane, { path: '/metrics' }))).toEqual([
      403,
      'Forbidden',
      'forbidden: User "jane" cannot get path "/metrics"',
    ]);
    expect(told(await send(anonymous(), { method: 'DELETE', path: '/api/v1/nodes/n' }))).toEqual([
      403,
      'Forbidden',
      'nodes "n" is forbidden: User "system:anonymous" cannot delete resource "nodes" in API group "" at the cluster scope',
    ]);
  });
});

it('nothing of all this was a defect of the server, and it is well', async () => {
  expect(server.log).not.toMatch(/by a defect|"level":"(error|fatal)"/);
  expect((await get('/readyz')).text).toBe('ok');
});
