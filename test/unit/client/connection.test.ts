import { once } from 'node:events';
import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
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
});
