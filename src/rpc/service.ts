import {
  Metadata,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type sendUnaryData,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { GantryError } from '../base/errors.ts';
import type { IsStreaming, RequestOf, ResponseOf, RpcService } from './method-types.ts';
import { type RpcStatus, statusName, toRpcStatus } from './status.ts';

export interface CallContext {
  /** Aborts when the caller leaves, its deadline passes, or (for streams) the server stops. */
  readonly signal: AbortSignal;
}

export type UnaryHandler<Request, Response> = (request: Request, context: CallContext) => Promise<Response>;

/**
 * Yields the messages of the answer. What runs before the first `await` of an async generator has happened when the caller is told that
 * the stream is open: subscribe there, so that nothing is lost between.
 */
export type StreamHandler<Request, Response> = (request: Request, context: CallContext) => AsyncIterable<Response>;

/** Plain functions for some or all calls of a service; a call without one answers UNIMPLEMENTED. */
export type Handlers<Service> = {
  readonly [Name in keyof Service]?: IsStreaming<Service[Name]> extends true
    ? StreamHandler<RequestOf<Service[Name]>, ResponseOf<Service[Name]>>
    : UnaryHandler<RequestOf<Service[Name]>, ResponseOf<Service[Name]>>;
};

/** A service with its handlers, ready to be served. Made by `implement`. */
export interface ServiceImplementation {
  readonly service: RpcService;
  readonly handlers: Readonly<Record<string, unknown>>;
}

export function implement<Service extends RpcService>(
  service: Service,
  handlers: Handlers<Service>,
): ServiceImplementation {
  return { service, handlers };
}

export interface RpcLog {
  debug(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface CallObserver {
  readonly log: RpcLog;
  /** Told about each call when it has ended: `/runtime.v1.RuntimeService/Version`, `OK`, seconds. */
  onCall(path: string, code: string, seconds: number): void;
}

/** The same in the shape that grpc-js takes. Streams end with UNAVAILABLE when `stopping` aborts. */
export function toGrpc(
  { service, handlers }: ServiceImplementation,
  observer: CallObserver,
  stopping: AbortSignal,
): [ServiceDefinition, UntypedServiceImplementation] {
  const calls: UntypedServiceImplementation = {};
  for (const [name, method] of Object.entries(service)) {
    const handler = handlers[name];
    if (handler === undefined) continue;
    calls[name] = method.responseStream
      ? streamCall(handler as StreamHandler<unknown, unknown>, method.path, observer, stopping)
      : unaryCall(handler as UnaryHandler<unknown, unknown>, method.path, observer);
  }
  return [service as unknown as ServiceDefinition, calls];
}

const CANCELLED = new GantryError('cancelled', 'the caller cancelled the call or its deadline passed');
const STOPPING = new GantryError('unavailable', 'the server is stopping');

function unaryCall(handler: UnaryHandler<unknown, unknown>, path: string, observer: CallObserver) {
  return (call: ServerUnaryCall<unknown, unknown>, reply: sendUnaryData<unknown>): void => {
    const started = performance.now();
    const controller = new AbortController();
    call.on('cancelled', () => controller.abort(CANCELLED));
    invoke(() => handler(call.request, { signal: controller.signal })).then(
      response => {
        reply(null, response);
        ended(observer, path, started, undefined);
      },
      error => {
        const status = toRpcStatus(error);
        reply(status);
        ended(observer, path, started, { error, status });
      },
    );
  };
}

function streamCall(
  handler: StreamHandler<unknown, unknown>,
  path: string,
  observer: CallObserver,
  stopping: AbortSignal,
) {
  return (call: ServerWritableStream<unknown, unknown>): void => {
    const started = performance.now();
    const controller = new AbortController();
    const onStopping = (): void => controller.abort(STOPPING);
    if (stopping.aborted) onStopping();
    stopping.addEventListener('abort', onStopping, { once: true });
    call.on('cancelled', () => controller.abort(CANCELLED));
    invoke(() => sendAll(handler(call.request, { signal: controller.signal }), call, controller.signal))
      .then(
        () => {
          call.end();
          ended(observer, path, started, undefined);
        },
        error => {
          const status = toRpcStatus(error);
          call.emit('error', status);
          ended(observer, path, started, { error, status });
        },
      )
      .finally(() => stopping.removeEventListener('abort', onStopping));
  };
}

/** A handler may also throw before its first await. */
async function invoke<T>(run: () => Promise<T>): Promise<T> {
  return run();
}

/** Sends at the pace of the reader, and stops waiting for the handler as soon as the signal aborts. */
async function sendAll(
  messages: AsyncIterable<unknown>,
  call: ServerWritableStream<unknown, unknown>,
  signal: AbortSignal,
): Promise<void> {
  const iterator = messages[Symbol.asyncIterator]();
  try {
    let next = iterator.next();
    call.sendMetadata(new Metadata());
    for (;;) {
      const result = await orAborted(next, signal);
      if (result.done === true) return;
      if (!call.write(result.value)) await orAborted(new Promise<void>(resolve => call.once('drain', resolve)), signal);
      next = iterator.next();
    }
  } finally {
    // Not awaited: a handler that does not heed its signal must not keep the call open.
    iterator.return?.().catch(() => undefined);
  }
}

/** The promise, or the reason of the signal if it aborts first. Leaves nothing on the signal: a stream may live for months (Promise.race would). */
function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    const settled = (): void => signal.removeEventListener('abort', onAbort);
    promise.then(
      value => {
        settled();
        resolve(value);
      },
      error => {
        settled();
        reject(error);
      },
    );
  });
}

function ended(
  { log, onCall }: CallObserver,
  path: string,
  started: number,
  failure: { error: unknown; status: RpcStatus } | undefined,
): void {
  const ms = performance.now() - started;
  const code = failure === undefined ? 'OK' : statusName(failure.status.code);
  onCall(path, code, ms / 1000);
  const fields = { rpc: path, code, ms: Math.round(ms * 100) / 100 };
  // one with a reason that callers look for was foreseen
  const foreseen = failure?.error instanceof GantryError && failure.error.reason !== undefined;
  if (!foreseen && (code === 'INTERNAL' || code === 'UNKNOWN' || code === 'DATA_LOSS'))
    log.error({ ...fields, err: failure?.error }, failure?.status.details ?? '');
  else log.debug(fields, failure?.status.details ?? 'call');
}
