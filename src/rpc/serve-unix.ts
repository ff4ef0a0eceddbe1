import { chmodSync, lstatSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import type { ServerOptions } from 'node:http2';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { errnoName, failedPrecondition, internalError, invalidArgument } from '../base/errors.ts';
import { MAX_MESSAGE_BYTES } from './limits.ts';
import { type CallObserver, type RpcLog, type ServiceImplementation, toGrpc } from './service.ts';

/** struct sockaddr_un has room for 107 bytes and a NUL; libuv would cut a longer path silently. */
const MAX_SOCKET_PATH = 107;
const DEFAULT_GRACE_MS = 5000;

export interface ServeUnixOptions {
  /** Absolute. The folder is made with mode 0700 when it is missing; the socket has mode 0600. */
  readonly socketPath: string;
  readonly services: readonly ServiceImplementation[];
  readonly log: RpcLog;
  /** Told about each call when it has ended, for a histogram. */
  readonly onCall?: CallObserver['onCall'];
}

export interface RpcServer {
  /** Refuses new calls, ends streams, waits for running calls up to `graceMs` (5 s), then cuts them. Removes the socket. Safe to repeat. */
  close(graceMs?: number): Promise<void>;
}

/**
 * Serves gRPC on a unix socket; resolves when it can be called. A socket file that nobody answers on is replaced; one that somebody serves
 * is `failed-precondition`. The socket appears under its name only when it is listening and has its mode (rename), so a caller never finds
 * it half made.
 */
export async function serveUnix(options: ServeUnixOptions): Promise<RpcServer> {
  const { socketPath, log } = options;
  const temporary = `${socketPath}.${process.pid}`;
  if (!socketPath.startsWith('/') || Buffer.byteLength(temporary) > MAX_SOCKET_PATH)
    throw invalidArgument(`socket path "${socketPath}" must be absolute and at most ${MAX_SOCKET_PATH - 8} bytes long`);
  mkdirSync(dirname(socketPath), { recursive: true, mode: 0o700 });
  await refuseIfServed(socketPath);

  const stopping = new AbortController();
  const server = new Server({
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
  });
  takeEveryCancel(server);
  const observer: CallObserver = { log, onCall: options.onCall ?? (() => {}) };
  for (const implementation of options.services)
    server.addService(...toGrpc(implementation, observer, stopping.signal));

  rmSync(temporary, { force: true });
  await listen(server, temporary);
  chmodSync(temporary, 0o600);
  renameSync(temporary, socketPath);
  const inode = lstatSync(socketPath).ino;
  log.debug({ socket: socketPath }, 'serving');

  let closed: Promise<void> | undefined;
  return {
    close(graceMs = DEFAULT_GRACE_MS) {
      closed ??= stop(server, stopping, graceMs).then(() => removeSocket(socketPath, inode));
      return closed;
    },
  };
}

/** A client's cancels on one connection, all at once and each second: more than any can send. */
const CANCELS = 1e9;

/**
 * Node takes a client for an attacker that cancels more than 1,000 calls and then 33 a second (CVE-2023-44487), and closes its connection: all other calls on it end with
 * INTERNAL. Who may open this socket is no attacker, and monitors do so with short deadlines. grpc-js has no option for it, so its settings are reached into; of no effect
 * before Node 23, whose HTTP/2 has no such options either.
 */
function takeEveryCancel(server: Server): void {
  const { commonServerOptions } = server as unknown as { commonServerOptions?: ServerOptions & Record<string, number> };
  if (commonServerOptions !== undefined)
    Object.assign(commonServerOptions, { streamResetBurst: CANCELS, streamResetRate: CANCELS });
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), error => {
      if (error === null) resolve();
      else reject(internalError(`cannot listen on ${path}: ${error.message}`, { cause: error }));
    });
  });
}

async function refuseIfServed(path: string): Promise<void> {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isSocket())
    throw failedPrecondition(`${path} exists and is not a socket; remove it or choose another path`);
  if (await answers(path)) throw failedPrecondition(`another process serves ${path}; stop it first`);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', error => {
      const code = errnoName(error);
      if (code === 'ECONNREFUSED' || code === 'ENOENT') resolve(false);
      else reject(failedPrecondition(`cannot tell whether ${path} is in use: ${error.message}`, { cause: error }));
    });
  });
}

function stop(server: Server, stopping: AbortController, graceMs: number): Promise<void> {
  return new Promise(resolve => {
    const timer = setTimeout(() => server.forceShutdown(), graceMs);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
    stopping.abort();
  });
}

/** A successor may have put its own socket there in the meantime. */
function removeSocket(path: string, inode: number): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.ino === inode) rmSync(path, { force: true });
}
