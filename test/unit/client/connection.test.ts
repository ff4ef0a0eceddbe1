import { once } from 'node:events';
import { constants, createServer, type Http2Session } from 'node:http2';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { ApiConnection } from '../../../src/client/connection.ts';

describe('a connection', () => {
  /** Servers end a connection that gives up requests faster than 33 a second, after a burst of 1000: a request that is answered is not given up. */
  it('serves requests without end, as fast as they come', async () => {
    let sessions = 0;
    const server = createServer(async (request, response) => {
      for await (const _piece of request);
      response.writeHead(200, { 'content-length': 2 });
      response.end('{}');
    });
    server.on('session', () => {
      sessions += 1;
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const connection = new ApiConnection(
      { server: `http://127.0.0.1:${port}`, namespace: 'default' },
      { userAgent: 'test' },
    );
    let answered = 0;
    const ask = async (): Promise<void> => {
      for (let i = 0; i < 65; i += 1) {
        const { status } = await connection.call({ method: 'POST', path: '/', body: Buffer.from('{}') });
        answered += status === 200 ? 1 : 0;
      }
    };
    await Promise.all(Array.from({ length: 20 }, ask));
    connection.close();
    server.close();
    await once(server, 'close');
    expect([answered, sessions]).toEqual([1300, 1]);
  });

  /** How a server answers the requests of its first connections, and what the client had then: its answer or its error, and how often it asked. */
  async function resetOn(connections: number, code: number): Promise<{ got: unknown; asked: number }> {
    const sessions: Http2Session[] = [];
    let asked = 0;
    const server = createServer();
    server.on('session', session => sessions.push(session));
    server.on('stream', stream => {
      asked += 1;
      stream.on('error', () => undefined);
      const { session } = stream;
      if (session !== undefined && sessions.indexOf(session) < connections) return stream.close(code);
      stream.respond({ ':status': 200 });
      stream.end('{}');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const connection = new ApiConnection(
      { server: `http://127.0.0.1:${port}`, namespace: 'default' },
      { userAgent: 'test' },
    );
    const got = await connection.call({ method: 'POST', path: '/', body: Buffer.from('{}') }).catch(error => error);
    connection.close();
    server.close();
    await once(server, 'close');
    return { got, asked };
  }

  it('asks again over another what the server refused, since nothing was done for it', async () => {
    const { got, asked } = await resetOn(2, constants.NGHTTP2_REFUSED_STREAM);
    expect(got).toMatchObject({ status: 200 });
    expect(asked).toBe(3);
  });

  it('does not ask a server for ever that refuses everything', async () => {
    const { got, asked } = await resetOn(Number.POSITIVE_INFINITY, constants.NGHTTP2_REFUSED_STREAM);
    expect(String(got)).toContain('NGHTTP2_REFUSED_STREAM');
    expect(asked).toBe(3);
  });

  it('asks once where the server may have begun', async () => {
    const { got, asked } = await resetOn(1, constants.NGHTTP2_INTERNAL_ERROR);
    expect(String(got)).toContain('NGHTTP2_INTERNAL_ERROR');
    expect(asked).toBe(1);
  });

  /** A server that answers by its head alone, and ends an answer where the path is `/short`. */
  async function longAnswers(): Promise<{
    connection: ApiConnection;
    sessions: Http2Session[];
    close(): Promise<void>;
  }> {
    const sessions: Http2Session[] = [];
    const server = createServer();
    server.on('session', session => sessions.push(session));
    server.on('stream', (stream, headers) => {
      stream.on('error', () => undefined);
      stream.respond({ ':status': 200 });
      if (headers[':path'] === '/short') stream.end();
      else stream.write('{}');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const connection = new ApiConnection(
      { server: `http://127.0.0.1:${port}`, namespace: 'default' },
      { userAgent: 'test' },
    );
    const close = async (): Promise<void> => {
      connection.close();
      server.close();
      await once(server, 'close');
    };
    return { connection, sessions, close };
  }

  it('is another beside one that has no room for a further stream', async () => {
    const { connection, sessions, close } = await longAnswers();
    const watch = (): Promise<unknown> => connection.stream({ method: 'GET', path: '/' });
    await Promise.all(Array.from({ length: 80 }, watch));
    expect(sessions).toHaveLength(1);
    await watch();
    expect(sessions).toHaveLength(2);
    await close();
  });

  it('is another for what comes after its certificate was replaced by another one, and what is under way goes on', async () => {
    const { connection, sessions, close } = await longAnswers();
    const { pieces } = await connection.stream({ method: 'GET', path: '/' });
    const reader = pieces[Symbol.asyncIterator]();
    for (const key of ['one', 'one', 'two']) {
      connection.replaceCertificate({ cert: 'ours', key });
      expect(connection.endpoint.certificate).toEqual({ cert: 'ours', key });
      await connection.call({ method: 'GET', path: '/short' });
    }
    expect(sessions).toHaveLength(3);
    expect(await reader.next()).toEqual({ done: false, value: Buffer.from('{}') });
    await close();
  });

  it('is made no more once the client is closed', async () => {
    const { connection, sessions, close } = await longAnswers();
    await close();
    await expect(connection.call({ method: 'GET', path: '/short' })).rejects.toMatchObject({ code: 'cancelled' });
    expect(sessions).toEqual([]);
  });

  /** What is said of a server that takes connections and answers nothing. */
  async function silenceOf(method: string, signal?: AbortSignal): Promise<unknown> {
    const held = new Set<Socket>();
    const server = createTcpServer(socket => held.add(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const connection = new ApiConnection(
      { server: `http://127.0.0.1:${port}`, namespace: 'default' },
      { userAgent: 'test', patience: { ms: 50, mend: 'look there' } },
    );
    const call = connection.call({ method, path: '/api/v1/nodes', ...(signal === undefined ? {} : { signal }) });
    const got = await call.catch(error => String(error).replace(String(port), 'PORT'));
    connection.close();
    for (const socket of held) socket.destroy();
    server.close();
    await once(server, 'close');
    return got;
  }

  it('tells whoever waits which server did not answer, how long that was, and what to do', async () => {
    expect(await silenceOf('GET')).toBe(
      'GantryError: the API server at http://127.0.0.1:PORT did not answer GET /api/v1/nodes within 0.05 s: look there',
    );
    expect(await silenceOf('POST')).toBe(
      'GantryError: the API server at http://127.0.0.1:PORT did not answer POST /api/v1/nodes within 0.05 s, and whether it has done it is not known: look there',
    );
  });

  it('says of a call that was given up why it was', async () => {
    expect(await silenceOf('GET', AbortSignal.abort(new Error('interrupted by SIGINT')))).toBe(
      'Error: interrupted by SIGINT',
    );
  });
});
