import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Pod } from '../../../../src/api/types/gen/core-v1.ts';
import { userInfo } from '../../../../src/apiserver/authn/user.ts';
import { ALLOW, type Authorizer, NO_RULES, noOpinion } from '../../../../src/apiserver/authz/authorizer.ts';
import { commandPath, podStream, portsOf } from '../../../../src/apiserver/handlers/pod-stream.ts';
import { newContext } from '../../../../src/apiserver/pipeline/context.ts';
import { requestInfo } from '../../../../src/apiserver/request-info.ts';
import { MemoryStore } from '../../../../src/apiserver/storage/memory/memory-store.ts';
import { OptimisticStorage } from '../../../../src/apiserver/storage/optimistic-storage.ts';
import { systemClock } from '../../../../src/base/clock.ts';
import { HandlersOnStorage } from '../../../harness/handlers-on-storage.ts';
import { requestOf } from '../requests.ts';

const EXEC = '/api/v1/namespaces/a/pods/web/exec';
const readers: Authorizer = {
  name: 'test',
  authorize: ({ verb }) => (verb === 'get' ? ALLOW : noOpinion('RBAC: nothing bound')),
  rulesFor: () => NO_RULES,
};
let server: HandlersOnStorage;
beforeAll(async () => {
  server = await HandlersOnStorage.start(new OptimisticStorage(new MemoryStore(systemClock)));
});
afterAll(() => server.stop());

const asked = (method: string) => ({
  ...newContext(requestOf({ method, url: EXEC, headers: { connection: 'Upgrade' } })),
  info: requestInfo(method, EXEC, new URLSearchParams()),
  user: userInfo('jane', []),
});

describe('the right to a stream', () => {
  it('is the one to create, for the GET of a WebSocket too', async () => {
    const handlers = { ...server.handlers, authorizer: readers };
    await expect(podStream(handlers, asked('GET'), 'exec')).rejects.toThrow(
      'pods "web" is forbidden: RBAC: nothing bound',
    );
  });

  it('has been asked for where the request is a POST', async () => {
    const handlers = { ...server.handlers, authorizer: readers };
    await expect(podStream(handlers, asked('POST'), 'exec')).rejects.toThrow('pods "web" not found');
  });
});

describe('the path of a command at the kubelet', () => {
  const pod = { metadata: { name: 'web', namespace: 'a' }, spec: { containers: [{ name: 'main' }] } } as unknown as Pod;
  it.each([
    ['exec', '', '/exec/a/web/main'],
    [
      'exec',
      'command=ls&command=-l%20%2F&stdout=true&stderr=1',
      '/exec/a/web/main?command=ls&command=-l+%2F&error=1&output=1',
    ],
    ['exec', 'command=&stdin=&tty=TRUE&stdout=0&stderr=False', '/exec/a/web/main?command=&input=1&tty=1'],
    ['attach', 'command=ls&stdin=true', '/attach/a/web/main?input=1'],
  ] as const)('%s with %j is %s', (kind, query, path) =>
    expect(commandPath(kind, pod, new URLSearchParams(query))).toBe(path),
  );
});

describe('the ports of a port-forward', () => {
  it.each([
    ['', []],
    ['ports=80&ports=0443', [80, 443]],
  ])('of %j are %j', (query, ports) => expect(portsOf(new URLSearchParams(query))).toEqual(ports));

  it.each([
    ['ports=', 'strconv.ParseInt: parsing "": invalid syntax'],
    ['ports=80,81', 'strconv.ParseInt: parsing "80,81": invalid syntax'],
    ['ports=3000000000', 'strconv.ParseInt: parsing "3000000000": value out of range'],
  ])('of %j are refused: %s', (query, message) => expect(() => portsOf(new URLSearchParams(query))).toThrow(message));
});
