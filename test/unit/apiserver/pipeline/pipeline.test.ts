import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { allResources } from '../../../../src/api/schema/resources/registry.ts';
import { notFoundError } from '../../../../src/api/status.ts';
import { type AdmissionPlugin, admit } from '../../../../src/apiserver/admission/plugin.ts';
import {
  authenticated,
  authenticationFailed,
  authenticatorUnion,
  type RequestAuthenticator,
  withAnonymous,
} from '../../../../src/apiserver/authn/authenticator.ts';
import { bearerTokenAuthenticator } from '../../../../src/apiserver/authn/bearer-token.ts';
import { userInfo } from '../../../../src/apiserver/authn/user.ts';
import {
  ALLOW,
  type Authorizer,
  authorizerUnion,
  mastersAuthorizer,
  NO_RULES,
  noOpinion,
} from '../../../../src/apiserver/authz/authorizer.ts';
import type { ApiResponse } from '../../../../src/apiserver/http.ts';
import type { Handler, RequestContext } from '../../../../src/apiserver/pipeline/context.ts';
import { amongResources, RequestMetrics } from '../../../../src/apiserver/pipeline/request-metrics.ts';
import { buildPipeline, DEFAULT_LIMITS, DEFAULT_REQUEST_TIMEOUT_MS } from '../../../../src/apiserver/pipeline.ts';
import { jsonWriter, yamlWriter } from '../../../../src/apiserver/status/status-response.ts';
import { GantryError, invalidArgument, unavailable } from '../../../../src/base/errors.ts';
import { createLogger } from '../../../../src/daemon/logger.ts';
import { Registry } from '../../../../src/daemon/metrics.ts';
import { FakeClock } from '../../../harness/fake-clock.ts';
import { type RequestSketch, requestOf } from '../requests.ts';

const tokens: RequestAuthenticator = bearerTokenAuthenticator(
  {
    name: 'test',
    authenticate: async token => {
      const [name = '', ...groups] = token.split(',');
      return name === 'bad' ? authenticationFailed('no such token') : authenticated(userInfo(name, groups));
    },
  },
  [],
);
/** Who is called `nobody` may do nothing; everyone else anything but write Secrets. */
const authorizer: Authorizer = {
  name: 'test',
  authorize: asked =>
    asked.user.name === 'nobody' || (asked.resource === 'secrets' && asked.verb !== 'get') ? noOpinion('') : ALLOW,
  rulesFor: () => NO_RULES,
};

const ok: ApiResponse = { status: 200, headers: { 'content-type': 'text/plain' }, body: 'done' };

function pipelineOf(handler: Handler, limits = DEFAULT_LIMITS) {
  const registry = new Registry();
  const clock = new FakeClock();
  const stopping = new AbortController();
  const respond = buildPipeline(
    {
      authenticator: withAnonymous(authenticatorUnion([tokens])),
      authorizer: authorizerUnion([mastersAuthorizer, authorizer]),
      limits,
      requestTimeoutMs: DEFAULT_REQUEST_TIMEOUT_MS,
      writers: [jsonWriter, yamlWriter],
      metrics: new RequestMetrics(registry, clock, amongResources(allResources().filter(row => row.plural === 'pods'))),
      stopping: stopping.signal,
      clock,
      log: createLogger({ daemon: 'test', level: 'silent' }),
    },
    handler,
  );
  return { respond: (sketch: RequestSketch) => respond(requestOf(sketch)), clock, registry, stopping };
}

const seeing = () => {
  const seen: RequestContext[] = [];
  return {
    seen,
    ...pipelineOf(async context => {
      seen.push(context);
      return ok;
    }),
  };
};
const as = (user: string, more: Readonly<Record<string, string>> = {}) => ({
  authorization: `Bearer ${user}`,
  ...more,
});
const statusOf = (response: ApiResponse) => JSON.parse(String(response.body));

describe('the pipeline', () => {
  it('hands the handler who asks for what, without the proof', async () => {
    const { respond, seen } = seeing();
    const response = await respond({
      url: '/api/v1/namespaces/a/pods/x',
      headers: as('jane,dev', { 'x-remote-user': 'root', 'x-remote-extra-a': 'b', accept: '*/*' }),
    });
    expect(response.status).toBe(200);
    expect(seen[0]).toMatchObject({
      user: { name: 'jane', groups: ['dev', 'system:authenticated'] },
      info: { verb: 'get', resource: 'pods', name: 'x' },
    });
    expect([...(seen[0]?.request.headers.entries() ?? [])]).toEqual([['accept', ['*/*']]]);
  });

  it('makes no metrics of subresources that a client has made up, known or not', async () => {
    const { respond, registry } = seeing();
    for (const name of ['invented', 'status']) await respond({ url: `/api/v1/namespaces/a/pods/x/${name}` });
    const text = await registry.metrics();
    expect([text.includes('subresource="status"'), text.includes('invented')]).toEqual([true, false]);
  });

  it('takes no more of an id of a client into the log than an id has', async () => {
    const { respond, seen } = seeing();
    await respond({ headers: as('jane', { 'audit-id': 'x'.repeat(100_000) }) });
    expect(seen[0]?.auditId).toBe('x'.repeat(64));
  });

  it("gives every answer an id, the client's own where it has one", async () => {
    const { respond } = seeing();
    expect((await respond({ headers: { 'audit-id': 'mine' } })).headers).toMatchObject({
      'audit-id': 'mine',
      'cache-control': 'no-cache, private',
    });
    expect((await respond({ headers: as('bad') })).headers['audit-id']).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('lets who shows nothing in as anonymous, and over HTTP/2 for one answer only', async () => {
    const { respond, seen } = seeing();
    expect((await respond({ url: '/version' })).closeConnection).toBeUndefined();
    expect((await respond({ url: '/version', httpVersion: 2 })).closeConnection).toBe(true);
    expect(seen[0]?.user.name).toBe('system:anonymous');
  });

  it('answers 401 without a reason', async () => {
    const { respond, seen } = seeing();
    const response = await respond({ url: '/api/v1/pods', headers: as('bad'), httpVersion: 2 });
    expect(response).toMatchObject({ status: 401, closeConnection: true });
    expect(statusOf(response)).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: 'Unauthorized',
      reason: 'Unauthorized',
      code: 401,
    });
    expect(seen).toEqual([]);
  });

  it('answers 403 with the sentence, in YAML to who wants that', async () => {
    const { respond } = seeing();
    const response = await respond({
      method: 'DELETE',
      url: '/api/v1/namespaces/a/secrets/x',
      headers: as('jane', { accept: 'application/yaml' }),
    });
    expect(response.status).toBe(403);
    expect(response.headers['content-type']).toBe('application/yaml');
    expect(response.body).toContain('cannot delete resource');
  });

  it("takes the request for another user's, whose rights count then", async () => {
    const { respond, seen } = seeing();
    await respond({
      url: '/api/v1/pods',
      headers: as('jane', { 'impersonate-user': 'bob', 'impersonate-extra-a': 'b' }),
    });
    expect(seen[0]?.user).toMatchObject({ name: 'bob' });
    expect([...(seen[0]?.request.headers.entries() ?? [])]).toEqual([]);
    expect((await respond({ url: '/api/v1/pods', headers: as('jane', { 'impersonate-user': 'nobody' }) })).status).toBe(
      403,
    );
    expect((await respond({ url: '/api/v1/pods', headers: as('jane', { 'impersonate-group': 'x' }) })).status).toBe(
      400,
    );
  });

  it.each([
    ['an error that is a Status', notFoundError({ group: '', resource: 'pods' }, 'x'), 404, 'pods "x" not found'],
    [
      'the store that is away',
      unavailable('etcd is away'),
      500,
      'The list operation against pods could not be completed at this time, please try again.',
    ],
    ['an error that nobody gave a Status', invalidArgument('odd'), 500, 'Internal error occurred: odd'],
  ])('turns %s into its answer', async (_, error, code, message) => {
    const { respond } = pipelineOf(() => Promise.reject(error));
    const response = await respond({ url: '/api/v1/pods' });
    expect(response.status).toBe(code);
    expect(statusOf(response)).toMatchObject({ code, message });
  });

  it('tells nothing of a defect', async () => {
    const { respond } = pipelineOf(() => Promise.reject(new TypeError('x is undefined')));
    expect(await respond({ url: '/api/v1/pods' })).toMatchObject({
      status: 500,
      body: 'This request caused apiserver to panic. Look in the logs for details.\n',
    });
  });

  it('refuses a path that it cannot read', async () => {
    const { respond } = seeing();
    expect(await respond({ url: '/api/v1/watch' })).toMatchObject({
      status: 500,
      body: expect.stringContaining('unable to determine kind and namespace from url'),
    });
  });

  it('tells warnings beside the answer', async () => {
    const { respond } = pipelineOf(async context => {
      context.warnings.add('say "this"\n');
      context.warnings.add('that');
      return ok;
    });
    expect((await respond({})).headers['warning']).toEqual(['299 - "say \\"this\\" "', '299 - "that"']);
  });
});

describe('the deadline', () => {
  const hanging = () => {
    const signals: AbortSignal[] = [];
    return {
      signals,
      ...pipelineOf(context => {
        signals.push(context.signal);
        return new Promise(() => {});
      }),
    };
  };

  it('ends a request whose handler never does', async () => {
    const { respond, clock, signals } = hanging();
    const answer = respond({ url: '/api/v1/pods', headers: as('jane') });
    await expect.poll(() => signals.length).toBe(1);
    await clock.advance(60_000);
    expect(statusOf(await answer)).toMatchObject({
      code: 504,
      reason: 'Timeout',
      message: 'Timeout: request did not complete within the allotted timeout',
    });
    expect(signals[0]?.aborted).toBe(true);
  });

  it('is earlier where the client says so', async () => {
    const { respond, clock, signals } = hanging();
    const answer = respond({ url: '/api/v1/pods?timeout=1500ms' });
    await expect.poll(() => signals.length).toBe(1);
    await clock.advance(1500);
    expect((await answer).status).toBe(504);
  });

  it('refuses a timeout that is no duration', async () => {
    expect(statusOf(await seeing().respond({ url: '/api/v1/pods?timeout=soon' }))).toMatchObject({
      code: 400,
      message: 'invalid timeout specified in the request URL - time: invalid duration "soon"',
    });
  });

  it('does not hold for a watch, which ends when the server stops', async () => {
    const { respond, clock, signals, stopping } = hanging();
    const answer = respond({ url: '/api/v1/pods?watch=1' });
    await expect.poll(() => signals.length).toBe(1);
    await clock.advance(3_600_000);
    expect(signals[0]?.aborted).toBe(false);
    stopping.abort();
    expect(signals[0]?.aborted).toBe(true);
    expect(answer).toBeInstanceOf(Promise);
  });

  it('is waited for by many watches without a warning of a leak', async () => {
    const warnings: string[] = [];
    const onWarning = (warning: Error): void => {
      warnings.push(warning.message);
    };
    process.on('warning', onWarning);
    const { respond, signals } = hanging();
    for (let i = 0; i < 20; i += 1) void respond({ url: '/api/v1/pods?watch=1' });
    await expect.poll(() => signals.length).toBe(20);
    await setImmediate();
    process.off('warning', onWarning);
    expect(warnings).toEqual([]);
  });
});

describe('the limits', () => {
  const gated = () => {
    const open: (() => void)[] = [];
    return {
      open,
      ...pipelineOf(() => new Promise(resolve => open.push(() => resolve(ok))), { readOnly: 2, mutating: 1 }),
    };
  };

  it('refuse what is too much at once, by kind, and let it in again afterwards', async () => {
    const { respond, open, registry } = gated();
    const [first, second, third] = [new AbortController(), new AbortController(), new AbortController()];
    const reads = [first, second].map(({ signal }) => respond({ url: '/api/v1/pods', signal }));
    await expect.poll(() => open.length).toBe(2);
    expect(await respond({ url: '/api/v1/pods' })).toMatchObject({
      status: 429,
      headers: { 'retry-after': '1' },
      body: 'Too many requests, please try again later.\n',
    });
    const write = respond({ method: 'POST', url: '/api/v1/namespaces/a/pods', signal: third.signal });
    await expect.poll(() => open.length).toBe(3);
    expect((await respond({ method: 'DELETE', url: '/api/v1/namespaces/a/pods/x' })).status).toBe(429);
    const text = await registry.metrics();
    expect(text).toContain('apiserver_current_inflight_requests{request_kind="readOnly"} 2');
    expect(text).toContain('apiserver_current_inflight_requests{request_kind="mutating"} 1');
    for (const release of open.splice(0)) release();
    await Promise.all([...reads, write]);
    // until its answer has been written a request keeps its seat
    expect((await respond({ url: '/api/v1/pods' })).status).toBe(429);
    first.abort();
    const again = respond({ url: '/api/v1/pods' });
    await expect.poll(() => open.length).toBe(1);
    open[0]?.();
    expect((await again).status).toBe(200);
  });

  it('do not count watches and never refuse masters', async () => {
    const { respond, open } = gated();
    const all = [...Array(5)].map((_, i) => respond(i < 3 ? { url: '/api/v1/pods?watch=1' } : { url: '/api/v1/pods' }));
    await expect.poll(() => open.length).toBe(5);
    const master = respond({ url: '/api/v1/pods', headers: as('root,system:masters') });
    await expect.poll(() => open.length).toBe(6);
    for (const release of open) release();
    expect((await Promise.all([...all, master])).map(each => each.status)).toEqual([200, 200, 200, 200, 200, 200]);
  });
});

describe('the metrics', () => {
  it("have upstream's names and labels, and none that clients made up", async () => {
    const { respond, registry } = seeing();
    await respond({ url: '/api/v1/namespaces/a/pods' });
    await respond({ url: '/api/v1/namespaces/a/made-up-by-me' });
    await respond({ url: '/made/up' });
    await respond({ url: '/livez' });
    await respond({ url: '/api/v1/pods', headers: as('bad') });
    const text = await registry.metrics();
    expect(text).toContain(
      'apiserver_request_total{verb="LIST",group="",version="v1",resource="pods",subresource="",scope="namespace",component="apiserver",dry_run="",code="200"} 1',
    );
    expect(text).toContain(
      'resource="pods",subresource="",scope="cluster",component="apiserver",dry_run="",code="401"',
    );
    expect(text).toContain('subresource="/livez"');
    expect(text).toContain('apiserver_request_duration_seconds_bucket{le="0.005",');
    expect(text).toContain('apiserver_response_sizes_count');
    expect(text).not.toMatch(/made.up/);
  });
});

describe('a client that leaves', () => {
  it('is counted as out of time, which is no failure of the server', async () => {
    const { respond, registry } = pipelineOf(() => new Promise(() => {}));
    const client = new AbortController();
    const answer = respond({ url: '/api/v1/pods', signal: client.signal });
    client.abort(new GantryError('cancelled', 'the client is gone'));
    expect(statusOf(await answer)).toMatchObject({
      code: 504,
      message: 'Timeout: request did not complete within requested timeout - context canceled',
    });
    expect(await registry.metrics()).not.toContain('code="500"');
  });
});

describe('admission', () => {
  const request = {
    operation: 'CREATE',
    user: userInfo('jane', []),
    group: '',
    version: 'v1',
    kind: 'Pod',
    resource: 'pods',
    subresource: '',
    namespace: 'a',
    name: 'x',
    object: { steps: '' },
    oldObject: undefined,
    dryRun: false,
    warn: () => {},
  } as const;
  const plugin = (name: string, handles = true): AdmissionPlugin => ({
    name,
    handles: () => handles,
    mutate: async ({ object }) => ({ steps: `${(object as { steps: string }).steps}${name}` }),
    validate: async ({ object }) => {
      seenByValidate.push(`${name}:${(object as { steps: string }).steps}`);
    },
  });
  const seenByValidate: string[] = [];

  it('runs all that change before all that check, and only those concerned', async () => {
    const stored = await admit([plugin('a'), plugin('x', false), plugin('b')], request, new AbortController().signal);
    expect(stored).toEqual({ steps: 'ab' });
    expect(seenByValidate).toEqual(['a:ab', 'b:ab']);
  });
});
