import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { getText } from '../../../src/client/get-text.ts';

async function serverOf(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  onTestFinished(() => void server.closeAllConnections());
  onTestFinished(() => void server.close());
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

const patience = (): AbortSignal => AbortSignal.timeout(5_000);

test.each([
  [200, true],
  [204, true],
  [301, false],
  [500, false],
])('an answer of status %i is told with its text', async (status, ok) => {
  const url = await serverOf((_, response) => response.writeHead(status).end(status === 204 ? '' : 'wörds'));
  expect(await getText(url, patience())).toEqual({ ok, status, text: status === 204 ? '' : 'wörds' });
});

test('where nothing listens the address is told', async () => {
  await expect(getText('http://127.0.0.1:1/healthz', patience())).rejects.toThrow('nothing listens at 127.0.0.1:1');
});

test.each([
  ['before the answer', (): void => {}],
  ['in the middle of the answer', ((_, response) => void response.writeHead(200).write('a')) as RequestListener],
])('the reason of the signal is thrown %s', async (_, listener) => {
  const url = await serverOf(listener);
  const reason = new Error('waited long enough');
  const asking = new AbortController();
  setTimeout(() => asking.abort(reason), 50);
  await expect(getText(url, asking.signal)).rejects.toBe(reason);
});

test('a connection that ends in the middle of an answer is a failure', async () => {
  const url = await serverOf((_, response) => {
    response.writeHead(200, { 'content-length': '10' }).write('a');
    setImmediate(() => response.destroy());
  });
  await expect(getText(url, patience())).rejects.toThrow('aborted');
});
