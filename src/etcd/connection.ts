import { isIP } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import {
  type ChannelCredentials,
  type ChannelOptions,
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  credentials,
  Metadata,
  type MethodDefinition,
} from '@grpc/grpc-js';
import { invalidArgument } from '../base/errors.ts';
import { sleep } from '../base/signals.ts';
import { isOfMember, mayRepeat } from './errors.ts';
import { UnaryChannel } from './unary-channel.ts';

/** Certificates in PEM. A client certificate is how etcd is told who calls; name and password are not spoken. */
export interface EtcdTls {
  readonly ca: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

export interface EtcdOptions {
  /** `http://host:port` or, with `tls`, `https://host:port`. Calls go to one until it fails, then to the next. */
  readonly endpoints: readonly string[];
  readonly tls?: EtcdTls;
  /** Time limit of a call, all its attempts together. 10 s unless given. */
  readonly timeoutMs?: number;
  /** How long a call that failed is made again, where that is safe: a restart of etcd is shorter than this. 3 s unless given. */
  readonly retryMs?: number;
}

export interface EtcdCallOptions {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 10_000;
const RETRY_MS = 3_000;
const FIRST_PAUSE_MS = 20;
const MAX_PAUSE_MS = 500;

/** A dead peer is noticed within 30 s + 10 s (upstream's keep-alive of its etcd client); a killed one at once. */
const CHANNEL_OPTIONS = {
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.keepalive_permit_without_calls': 1,
  // A page of 500 objects of up to 1.5 MiB; etcd itself bounds what it sends by what it took in.
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
  'grpc.initial_reconnect_backoff_ms': 50,
  'grpc.min_reconnect_backoff_ms': 50,
  'grpc.max_reconnect_backoff_ms': 1_000,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_retries': 0,
  'grpc.service_config_disable_resolution': 1,
};

/** Asks a member that has lost its leader to end the stream instead of keeping silent. */
const WITH_LEADER = new Metadata();
WITH_LEADER.set('hasleader', 'true');
const NO_METADATA = new Metadata();

type Method<Request, Response> = Pick<
  MethodDefinition<Request, Response>,
  'path' | 'requestSerialize' | 'responseDeserialize'
>;

/** A stream together with the member that serves it. */
export interface OpenStream<Stream> {
  readonly stream: Stream;
  readonly endpoint: string;
  /** Lets the next call go to another member, unless that has happened already. */
  failed(): void;
}

/** A channel of the gRPC library and the streams that are open on it. */
interface StreamChannel {
  readonly client: Client;
  streams: number;
  /** Made with certificates that were replaced since: it ends with the last of its streams. */
  retired: boolean;
}

/** Channels to the members of one etcd cluster, each opened at its first call, and the choice among them. */
export class EtcdConnection {
  readonly endpoints: readonly string[];
  /** For streams. */
  readonly #channels: (StreamChannel | undefined)[];
  readonly #unary: (UnaryChannel | undefined)[];
  #tls: EtcdTls | undefined;
  readonly #timeoutMs: number;
  readonly #retryMs: number;
  #current = 0;

  /** Throws `invalid-argument` for endpoints that cannot be used. Nothing is connected yet. */
  constructor(options: EtcdOptions) {
    if (options.endpoints.length === 0) throw invalidArgument('no etcd endpoint is given');
    for (const endpoint of options.endpoints) checkEndpoint(endpoint, options.tls !== undefined);
    this.endpoints = options.endpoints;
    this.#channels = options.endpoints.map(() => undefined);
    this.#unary = options.endpoints.map(() => undefined);
    this.#tls = options.tls;
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
    this.#retryMs = options.retryMs ?? RETRY_MS;
  }

  /**
   * One call with one answer. Goes to the next member, and after a whole round again with a growing pause, while that is safe and the time
   * for it lasts. A call that changes something and may have reached etcd is never made twice: its error says `unavailable` or
   * `deadline-exceeded`, and the caller has to look what became of it. Whether repeated or not, the calls after one that got no answer go to
   * another member.
   */
  async call<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    options: EtcdCallOptions & { readonly changesNothing: boolean },
  ): Promise<Response> {
    const timeoutMs = options.timeoutMs ?? this.#timeoutMs;
    const started = performance.now();
    for (let attempt = 1; ; attempt += 1) {
      const at = this.#current;
      try {
        return await this.#once(at, method, request, timeoutMs - (performance.now() - started), options.signal);
      } catch (error) {
        if (isOfMember(error)) this.#leave(at);
        if (!mayRepeat(error, options.changesNothing)) throw error;
        const pause =
          attempt % this.endpoints.length === 0 ? Math.min(FIRST_PAUSE_MS * 2 ** (attempt - 1), MAX_PAUSE_MS) : 0;
        if (performance.now() - started + pause >= Math.min(this.#retryMs, timeoutMs)) throw error;
        if (pause > 0) await sleep(pause, options.signal);
      }
    }
  }

  openBidi<Request, Response>(method: Method<Request, Response>): OpenStream<ClientDuplexStream<Request, Response>> {
    const at = this.#current;
    const channel = this.#channel(at);
    const stream = channel.client.makeBidiStreamRequest<Request, Response>(
      method.path,
      value => method.requestSerialize(value),
      bytes => method.responseDeserialize(bytes),
      WITH_LEADER,
    );
    countStream(channel, stream);
    return { stream, endpoint: this.#name(at), failed: () => this.#leave(at) };
  }

  openServerStream<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    at = this.#current,
  ): OpenStream<ClientReadableStream<Response>> {
    const channel = this.#channel(at);
    const stream = channel.client.makeServerStreamRequest<Request, Response>(
      method.path,
      value => method.requestSerialize(value),
      bytes => method.responseDeserialize(bytes),
      request,
      NO_METADATA,
    );
    countStream(channel, stream);
    return { stream, endpoint: this.#name(at), failed: () => this.#leave(at) };
  }

  /** The call at one member alone, for what is asked of a member and not of the cluster. */
  callMember<Request, Response>(
    endpoint: string,
    method: Method<Request, Response>,
    request: Request,
    options: EtcdCallOptions = {},
  ): Promise<Response> {
    const at = this.endpoints.indexOf(endpoint);
    if (at < 0) return Promise.reject(invalidArgument(`${endpoint} is none of the configured etcd endpoints`));
    return this.#once(at, method, request, options.timeoutMs ?? this.#timeoutMs, options.signal);
  }

  /** New connections are made with these certificates, and what begins from now on goes over such. Streams that are open go on where they are. */
  replaceTls(tls: EtcdTls): void {
    this.#tls = tls;
    for (const channel of this.#unary) channel?.replaceTls(tls);
    for (const channel of this.#channels) if (channel !== undefined) retire(channel);
    this.#channels.fill(undefined);
  }

  close(): void {
    for (const channel of this.#unary) channel?.close();
    for (const channel of this.#channels) channel?.client.close();
  }

  async #once<Request, Response>(
    at: number,
    method: Method<Request, Response>,
    request: Request,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<Response> {
    const message = method.requestSerialize(request);
    const answer = await this.#unaryChannel(at).call({
      path: method.path,
      name: nameOf(method),
      message,
      timeoutMs: Math.max(1, timeoutMs),
      signal,
    });
    return method.responseDeserialize(answer);
  }

  #unaryChannel(at: number): UnaryChannel {
    let channel = this.#unary[at];
    if (channel === undefined) {
      channel = new UnaryChannel(this.#name(at), this.#tls);
      this.#unary[at] = channel;
    }
    return channel;
  }

  #channel(at: number): StreamChannel {
    let channel = this.#channels[at];
    if (channel === undefined) {
      const { hostname, port, protocol } = new URL(this.#name(at));
      // a URL drops the port that its scheme has anyway
      const host = `${hostname}:${port || (protocol === 'https:' ? 443 : 80)}`;
      const client = new Client(host, ...security(this.#tls, hostname.replace(/^\[|\]$/g, '')));
      channel = { client, streams: 0, retired: false };
      this.#channels[at] = channel;
    }
    return channel;
  }

  #name(at: number): string {
    return this.endpoints[at] ?? '';
  }

  #leave(at: number): void {
    if (this.#current === at) this.#current = (at + 1) % this.endpoints.length;
  }
}

function countStream(channel: StreamChannel, stream: { once(event: 'status', listener: () => void): unknown }): void {
  channel.streams += 1;
  stream.once('status', () => {
    channel.streams -= 1;
    if (channel.retired && channel.streams === 0) channel.client.close();
  });
}

function retire(channel: StreamChannel): void {
  channel.retired = true;
  if (channel.streams === 0) channel.client.close();
}

/** An address is checked against the certificate, but not sent as the server's name: TLS has no such names (RFC 6066), and Node warns. */
function security(tls: EtcdTls | undefined, host: string): [ChannelCredentials, ChannelOptions] {
  if (tls === undefined) return [credentials.createInsecure(), CHANNEL_OPTIONS];
  const [key, cert] = [tls.key ?? null, tls.cert ?? null];
  if (isIP(host) === 0) return [credentials.createSsl(tls.ca, key, cert), CHANNEL_OPTIONS];
  const verify = { checkServerIdentity: (_: string, shown: PeerCertificate) => checkServerIdentity(host, shown) };
  return [
    credentials.createSsl(tls.ca, key, cert, verify),
    { ...CHANNEL_OPTIONS, 'grpc.ssl_target_name_override': 'etcd' },
  ];
}

export function nameOf(method: { readonly path: string }): string {
  return `etcd ${method.path.slice(method.path.lastIndexOf('/') + 1)}`;
}

function checkEndpoint(endpoint: string, tls: boolean): void {
  const want = tls ? 'https' : 'http';
  const wrong = invalidArgument(`etcd endpoint "${endpoint}" is not of the form ${want}://host:port`);
  if (!URL.canParse(endpoint)) throw wrong;
  const url = new URL(endpoint);
  if (url.protocol !== `${want}:` || !/:\d+\/?$/.test(endpoint) || url.pathname !== '/') throw wrong;
}
