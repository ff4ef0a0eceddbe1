import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { json } from 'node:stream/consumers';
import WebSocket from 'ws';
import type { Host } from '../../src/local-cluster/host/host.ts';
import { run } from './host.ts';
import { waitFor } from './wait-for.ts';

/** Node's own; one process of a host can be looked into at a time. */
const INSPECTOR_PORT = 9229;
const SOCKET = '/run/inspector.sock';

/** The heap of a program of Node in a host, by its inspector. */
export interface Heap {
  /** Bytes in use after everything that nobody refers to was collected. */
  afterCollection(): Promise<number>;
  close(): Promise<void>;
}

/** Makes the process (its pid is the host's) open its inspector, and connects to it from outside. Looking into a process costs it some memory: the first figure is after that. */
export async function lookIntoHeap(host: Host, pid: number): Promise<Heap> {
  await run(host, ['kill', '-USR1', String(pid)]);
  const relay = host.spawn(['socat', `UNIX-LISTEN:${SOCKET},fork`, `TCP:127.0.0.1:${INSPECTOR_PORT}`], {
    logFile: `${host.dataDir}/inspector.log`,
  });
  const [target] = await waitFor('the inspector to answer', () => listTargets(host.path(SOCKET)));
  const path = new URL(target?.webSocketDebuggerUrl ?? '').pathname;
  const socket = new WebSocket(`ws+unix://${host.path(SOCKET)}:${path}`);
  await once(socket, 'open');
  let last = 0;
  const call = async (method: string): Promise<unknown> => {
    last += 1;
    const id = last;
    socket.send(JSON.stringify({ id, method }));
    for (;;) {
      const [data] = (await once(socket, 'message')) as [Buffer];
      const message = JSON.parse(data.toString('utf8')) as { id?: number; result?: unknown };
      if (message.id === id) return message.result;
    }
  };
  return {
    async afterCollection() {
      // what a first collection finalizes, a second one frees
      await call('HeapProfiler.collectGarbage');
      await call('HeapProfiler.collectGarbage');
      return ((await call('Runtime.getHeapUsage')) as { usedSize: number }).usedSize;
    },
    async close() {
      socket.close();
      await once(socket, 'close');
      relay.kill();
      await relay.exited;
      rmSync(host.path(SOCKET), { force: true });
    },
  };
}

async function listTargets(socketPath: string): Promise<{ readonly webSocketDebuggerUrl: string }[]> {
  // the inspector keeps connections open: this one is closed here
  const request = get({ socketPath, path: '/json/list', agent: false });
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  try {
    return (await json(answer)) as { webSocketDebuggerUrl: string }[];
  } finally {
    request.destroy();
  }
}
