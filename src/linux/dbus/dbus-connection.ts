import { connect, type Socket } from 'node:net';
import { errorMessage, GantryError, internalError, unavailable } from '../../base/errors.ts';
import { type DbusMessage, decodeMessage, encodeMessage, MESSAGE_KIND } from './dbus-message.ts';
import type { DbusValue } from './dbus-wire.ts';

export interface DbusCall {
  /** Whom a bus passes it on to; a peer without a bus between needs none. */
  readonly destination?: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  readonly signature?: string;
  readonly body?: readonly DbusValue[];
}

interface Pending {
  readonly member: string;
  resolve(body: readonly DbusValue[]): void;
  reject(error: unknown): void;
}

/** A line of the handshake is never that long. */
const MAX_HANDSHAKE_BYTES = 16 << 10;

/**
 * A connection to one peer on a unix socket, without a bus between: calls, their answers, and the signals that the peer sends of its own accord. Logs in as the user of
 * this process, by the kernel's word (EXTERNAL). Everything fails with `unavailable` once the connection is lost.
 */
export class DbusConnection {
  readonly #socket: Socket;
  readonly #peer: string;
  readonly #pending = new Map<number, Pending>();
  readonly #listeners = new Set<(signal: DbusMessage) => void>();
  readonly #onLost = new Set<(error: Error) => void>();
  #received: Buffer = Buffer.alloc(0);
  #serial = 0;
  #lost: Error | undefined;

  private constructor(socket: Socket, peer: string, received: Buffer) {
    this.#socket = socket;
    this.#peer = peer;
    socket.on('data', data => this.#take(data));
    socket.on('error', error => this.#lose(error));
    socket.on('close', () => this.#lose(new Error('the connection was closed')));
    this.#take(received);
  }

  /** Connects and logs in. Throws `unavailable` when nobody listens there or it does not let this user in. */
  static async open(path: string, signal?: AbortSignal): Promise<DbusConnection> {
    const socket = connect(path);
    try {
      return new DbusConnection(socket, path, await logIn(socket, signal));
    } catch (error) {
      socket.destroy();
      if (signal?.aborted === true) throw signal.reason;
      throw unavailable(`cannot connect to D-Bus at ${path}: ${errorMessage(error)}`, { cause: error });
    }
  }

  /** The answer's values. An error that is answered is thrown with its D-Bus name as the reason. */
  call(call: DbusCall, signal?: AbortSignal): Promise<readonly DbusValue[]> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason);
      if (this.#lost !== undefined) return reject(this.#lost);
      this.#serial += 1;
      const serial = this.#serial;
      const bytes = encodeMessage({ body: [], ...call, kind: MESSAGE_KIND.call, serial });
      const onAbort = (): void => {
        this.#pending.delete(serial);
        reject(signal?.reason);
      };
      const settled = (): void => signal?.removeEventListener('abort', onAbort);
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#pending.set(serial, {
        member: call.member,
        resolve(body) {
          settled();
          resolve(body);
        },
        reject(error) {
          settled();
          reject(error);
        },
      });
      this.#socket.write(bytes);
    });
  }

  /** Is told of every signal from now on, and of the loss of the connection. The returned function ends it. */
  listen(onSignal: (signal: DbusMessage) => void, onLost: (error: Error) => void): () => void {
    this.#listeners.add(onSignal);
    this.#onLost.add(onLost);
    if (this.#lost !== undefined) onLost(this.#lost);
    return () => {
      this.#listeners.delete(onSignal);
      this.#onLost.delete(onLost);
    };
  }

  /** Safe to repeat. */
  close(): void {
    this.#socket.destroy();
  }

  #take(data: Buffer): void {
    this.#received = this.#received.length === 0 ? data : Buffer.concat([this.#received, data]);
    try {
      for (let next = decodeMessage(this.#received); next !== undefined; next = decodeMessage(this.#received)) {
        this.#received = this.#received.subarray(next.bytes);
        this.#handle(next.message);
      }
    } catch (error) {
      this.#lose(internalError(`it sent what cannot be read: ${errorMessage(error)}`, { cause: error }));
      this.#socket.destroy();
    }
  }

  #handle(message: DbusMessage): void {
    if (message.kind === MESSAGE_KIND.signal) {
      for (const listener of [...this.#listeners]) listener(message);
      return;
    }
    const pending = this.#pending.get(message.replySerial ?? 0);
    if (pending === undefined) return;
    this.#pending.delete(message.replySerial ?? 0);
    if (message.kind === MESSAGE_KIND.reply) pending.resolve(message.body);
    else pending.reject(answeredError(pending.member, message));
  }

  #lose(cause: Error): void {
    if (this.#lost !== undefined) return;
    this.#lost = unavailable(`lost D-Bus at ${this.#peer}: ${errorMessage(cause)}`, { cause });
    for (const pending of this.#pending.values()) pending.reject(this.#lost);
    this.#pending.clear();
    for (const listener of [...this.#onLost]) listener(this.#lost);
  }
}

function answeredError(member: string, { errorName = '', body }: DbusMessage): GantryError {
  const [text] = body;
  const code = /UnitExists$/.test(errorName)
    ? 'already-exists'
    : /NoSuchUnit$/.test(errorName)
      ? 'not-found'
      : /AccessDenied$/.test(errorName)
        ? 'permission-denied'
        : 'internal';
  return new GantryError(code, `${member}: ${typeof text === 'string' ? text : errorName}`, { reason: errorName });
}

/** Resolves with what came after the handshake. */
function logIn(socket: Socket, signal: AbortSignal | undefined): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    const settle = (finish: () => void): void => {
      socket.off('data', onData);
      socket.off('error', onError);
      socket.off('close', onClose);
      signal?.removeEventListener('abort', onAbort);
      finish();
    };
    const onError = (error: Error): void => settle(() => reject(error));
    const onClose = (): void => onError(new Error('it closed the connection'));
    const onAbort = (): void => onError(signal?.reason as Error);
    const onData = (data: Buffer): void => {
      received = Buffer.concat([received, data]);
      const end = received.indexOf('\r\n');
      if (end < 0 && received.length <= MAX_HANDSHAKE_BYTES) return;
      const line = received.toString('latin1', 0, Math.max(end, 0));
      if (line.startsWith('OK ')) settle(() => resolve(received.subarray(end + 2)));
      else onError(new Error(`it does not let this user in (${line})`));
    };
    socket.on('data', onData);
    socket.on('error', onError);
    socket.on('close', onClose);
    if (signal?.aborted === true) return onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
    // the first byte carries the credentials
    const uid = Buffer.from(String(process.getuid?.() ?? 0)).toString('hex');
    // The handshake ends here already, as libsystemd ends it: systemd looks at what it read together with BEGIN only when more comes, so that a call sent right after BEGIN could wait for ever.
    socket.write(`\0AUTH EXTERNAL ${uid}\r\nBEGIN\r\n`);
  });
}
