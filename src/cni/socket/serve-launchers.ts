import { chmodSync, lstatSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { internalError } from '../../base/errors.ts';
import { CNI_ERROR, CniError, errorObject } from '../protocol/error.ts';
import type { CniPlugin } from '../protocol/plugin.ts';
import { type CniAnswer, serveCni } from '../protocol/serve.ts';
import { formatAnswer, GREETING, MAX_REQUEST_BYTES, parseRequest } from './protocol.ts';

/** A launcher that is turned away does its call alone, so this only bounds what is held in memory. */
const MAX_CONNECTIONS = 64;
/** A launcher sends all it has at once. */
const SILENCE_MS = 10_000;
/** As long as the shim lets its calls run after SIGTERM. */
const DRAIN_MS = 10_000;

export interface LauncherServer {
  /** Takes no more calls, lets those that run end (10 s), removes the socket. Safe to repeat. */
  close(): Promise<void>;
}

/**
 * Answers the launchers of our plugins on a unix socket of mode 0600, which appears under its name only when it can be connected to; a socket that was there before is replaced: the
 * caller has made sure that nobody serves it. `plugin` knows the plugins by the name that runtimes execute. Paths of network namespaces are opened here: they have to mean the
 * same in this process as in the runtime's.
 */
export async function serveLaunchers(
  path: string,
  plugin: (name: string) => CniPlugin | undefined,
): Promise<LauncherServer> {
  const running = new Set<Promise<void>>();
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, socket => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    const call = serveOne(socket, plugin).finally(() => running.delete(call));
    running.add(call);
  });
  server.maxConnections = MAX_CONNECTIONS;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${process.pid}`;
  rmSync(temporary, { force: true });
  await listen(server, temporary);
  chmodSync(temporary, 0o600);
  renameSync(temporary, path);
  const inode = lstatSync(path).ino;
  let closed: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    server.close();
    if (lstatSync(path, { throwIfNoEntry: false })?.ino === inode) rmSync(path, { force: true });
    const cut = setTimeout(() => {
      for (const socket of sockets) socket.destroy();
    }, DRAIN_MS);
    await Promise.all(running);
    clearTimeout(cut);
  };
  return {
    close() {
      closed ??= stop();
      return closed;
    },
  };
}

/** Never rejects: a launcher that goes away is nobody's concern, the runtime asks for DEL. */
async function serveOne(socket: Socket, plugin: (name: string) => CniPlugin | undefined): Promise<void> {
  try {
    socket.setTimeout(SILENCE_MS, () => socket.destroy(new Error('silent')));
    // Before anything is done: a call whose launcher has given up in the meantime, and does it alone, must not be done here too.
    const [bytes] = await Promise.all([readRequest(socket), write(socket, GREETING)]);
    socket.setTimeout(0);
    socket.end(formatAnswer(await answer(bytes, plugin)));
    if (!socket.closed) await new Promise(resolve => socket.once('close', resolve));
  } catch {
    socket.destroy();
  }
}

async function answer(bytes: Buffer, plugin: (name: string) => CniPlugin | undefined): Promise<CniAnswer> {
  try {
    const request = parseRequest(bytes);
    const found = plugin(request.plugin);
    if (found === undefined)
      throw new CniError(CNI_ERROR.invalidEnvironment, `there is no plugin ${JSON.stringify(request.plugin)} here`);
    return await serveCni(found, request.env, request.input);
  } catch (error) {
    return { output: JSON.stringify(errorObject(error, '1.1.0')), exitCode: 1 };
  }
}

/** What comes beyond the limit is read and dropped: a socket that is closed with bytes in it loses the answer. */
function readRequest(socket: Socket): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    socket.on('data', (chunk: Buffer) => {
      if (size <= MAX_REQUEST_BYTES) chunks.push(chunk);
      size += chunk.length;
    });
    socket.once('end', () => resolve(Buffer.concat(chunks)));
    socket.on('error', reject);
    socket.once('close', () => reject(new Error('closed')));
  });
}

function write(socket: Socket, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.write(text, error => {
      if (error == null) resolve();
      else reject(error);
    });
  });
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', error =>
      reject(internalError(`cannot listen on ${path}: ${error.message}`, { cause: error })),
    );
    server.listen(path, resolve);
  });
}
