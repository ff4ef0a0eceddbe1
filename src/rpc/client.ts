import { Client, credentials, type CallOptions as GrpcCallOptions, Metadata, type ServiceError } from '@grpc/grpc-js';
import { invalidArgument } from '../base/errors.ts';
import { MAX_MESSAGE_BYTES } from './limits.ts';
import type { IsStreaming, RequestOf, ResponseOf, RpcMethod, RpcService } from './method-types.ts';
import { fromServiceError } from './status.ts';

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** How long to wait for the answer; 0 is no limit. Unless given, the client's default for the call. */
  readonly timeoutMs?: number;
  /** Waits for the server to come up, within the time limit, instead of failing with `unavailable` at once. */
  readonly waitForReady?: boolean;
}

export interface StreamOptions extends Omit<CallOptions, 'timeoutMs'> {
  /** Called once when the server says that the stream is open; foreign servers may do so with the first message only. */
  onOpen?(): void;
}

/** A promise or an async iterable per call. Failures are GantryErrors; an aborted call throws the reason of its signal. */
export type RpcClient<Service> = {
  readonly [Name in keyof Service]: IsStreaming<Service[Name]> extends true
    ? (request: RequestOf<Service[Name]>, options?: StreamOptions) => AsyncIterable<ResponseOf<Service[Name]>>
    : (request: RequestOf<Service[Name]>, options?: CallOptions) => Promise<ResponseOf<Service[Name]>>;
};

/** The default time limit of a call in milliseconds, 0 for none. */
export type TimeoutPolicy = (method: RpcMethod, request: unknown) => number;

/** A connection to one server, made at the first call and made again when it breaks (after 100 ms, doubling, to 3 s as the kubelet's). */
export interface Connection {
  readonly client: Client;
  readonly endpoint: string;
  close(): void;
}

/** `endpoint` is `unix:///absolute/path`. Nothing is connected yet. */
export function openConnection(endpoint: string): Connection {
  if (!/^unix:\/\/\/./.test(endpoint)) throw invalidArgument(`endpoint "${endpoint}" is not of the form unix:///path`);
  const client = new Client(endpoint, credentials.createInsecure(), {
    'grpc.default_authority': 'localhost',
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 3000,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_retries': 0,
  });
  return { client, endpoint, close: () => client.close() };
}

/** The calls of one service over a connection; several services may share it. */
export function rpcClient<Service extends RpcService>(
  connection: Connection,
  service: Service,
  timeout: TimeoutPolicy,
): RpcClient<Service> {
  const calls: Record<string, unknown> = {};
  for (const [name, method] of Object.entries(service)) {
    calls[name] = method.responseStream
      ? (request: unknown, options: StreamOptions = {}) => streamCall(connection, method, request, options)
      : (request: unknown, options: CallOptions = {}) => {
          return unaryCall(connection, method, request, options, options.timeoutMs ?? timeout(method, request));
        };
  }
  return calls as RpcClient<Service>;
}

function callMetadata(options: CallOptions): Metadata {
  return new Metadata(options.waitForReady === true ? { waitForReady: true } : {});
}

function unaryCall(
  { client, endpoint }: Connection,
  method: RpcMethod,
  request: unknown,
  options: CallOptions,
  timeoutMs: number,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const { signal } = options;
    if (signal?.aborted) return reject(signal.reason);
    const grpcOptions: GrpcCallOptions = timeoutMs > 0 ? { deadline: Date.now() + timeoutMs } : {};
    const call = client.makeUnaryRequest(
      method.path,
      value => method.requestSerialize(value),
      bytes => method.responseDeserialize(bytes),
      request,
      callMetadata(options),
      grpcOptions,
      (error: ServiceError | null, response?: unknown) => {
        signal?.removeEventListener('abort', onAbort);
        if (error === null) return resolve(response);
        reject(signal?.aborted ? signal.reason : fromServiceError(error, methodName(method), endpoint));
      },
    );
    const onAbort = (): void => call.cancel();
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

async function* streamCall(
  { client, endpoint }: Connection,
  method: RpcMethod,
  request: unknown,
  options: StreamOptions,
): AsyncGenerator<unknown> {
  const { signal } = options;
  signal?.throwIfAborted();
  const call = client.makeServerStreamRequest(
    method.path,
    value => method.requestSerialize(value),
    bytes => method.responseDeserialize(bytes),
    request,
    callMetadata(options),
    {},
  );
  const onAbort = (): void => call.cancel();
  signal?.addEventListener('abort', onAbort, { once: true });
  if (options.onOpen !== undefined) call.once('metadata', options.onOpen);
  try {
    yield* call;
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw isServiceError(error) ? fromServiceError(error, methodName(method), endpoint) : error;
  } finally {
    signal?.removeEventListener('abort', onAbort);
    // The reader may leave before the end; grpc-js does not tell the server by itself.
    call.on('error', () => {});
    call.cancel();
  }
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && 'details' in error;
}

function methodName(method: RpcMethod): string {
  return method.path.slice(method.path.lastIndexOf('/') + 1);
}
