/**
 * One call of a service as ts-proto writes it: the path on the wire, which sides stream, and the codecs.
 * (Nothing here streams requests: no service that is spoken has such a call.)
 */
export interface RpcMethod<Request = unknown, Response = unknown> {
  readonly path: string;
  readonly requestStream: false;
  readonly responseStream: boolean;
  requestSerialize(value: Request): Buffer;
  requestDeserialize(value: Buffer): Request;
  responseSerialize(value: Response): Buffer;
  responseDeserialize(value: Buffer): Response;
}

export type RpcService = Readonly<Record<string, RpcMethod>>;

export type RequestOf<Method> = Method extends { requestDeserialize(value: Buffer): infer Request } ? Request : never;
export type ResponseOf<Method> = Method extends { responseDeserialize(value: Buffer): infer Response }
  ? Response
  : never;

/** True for calls whose answer is a stream, at the level of types. */
export type IsStreaming<Method> = Method extends { readonly responseStream: true } ? true : false;
