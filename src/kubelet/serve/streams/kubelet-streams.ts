import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import type { Pod } from '../../../api/types/gen/core-v1.ts';
import { errorMessage } from '../../../base/errors.ts';
import type { Logger } from '../../../daemon/logger.ts';
import { requestUpgrade, type UpgradeAnswer } from '../../../remotecommand/backend.ts';
import { isUpgradeRequest } from '../../../remotecommand/negotiate.ts';
import { passTunnel } from '../../../remotecommand/port-forward-tunnel.ts';
import type { WantedStreams } from '../../../remotecommand/remote-command.ts';
import { spdyHeaders } from '../../../remotecommand/spdy-headers.ts';
import { type StreamProtocol, showsUnknown, streamProtocol } from '../../../remotecommand/stream-protocol.ts';
import { translateRemoteCommand } from '../../../remotecommand/translate-remote-command.ts';
import { forwardedHeaders, passUpgrade, type UpgradeClient } from '../../../remotecommand/upgrade-proxy.ts';
import type { ContainerRuntime } from '../../runtime/ports.ts';
import { Refusal } from '../refusal.ts';
import { readySandbox, runningContainer, runtimeRefusal, targetPod } from './find-running.ts';
import { runCommand } from './run-command.ts';
import { runtimeUrl } from './runtime-url.ts';
import { forwardedPorts, wantedStreams } from './stream-options.ts';
import type { PodTarget } from './stream-target.ts';

export interface KubeletStreamsOptions {
  pods(): readonly Pod[];
  readonly runtime: ContainerRuntime;
  readonly log: Logger;
}

/** A stream that is about to begin: asks the runtime for it and gives the address at which it is served, good for once. */
interface Prepared {
  readonly protocol: StreamProtocol;
  /** Which protocol of such a stream a runtime need not know, and how to stand between it and a client then. */
  readonly translated: {
    readonly protocol: 'close' | 'tunnel';
    readonly spdy: readonly string[];
    readonly pass: Passing;
  };
  ask(signal: AbortSignal): Promise<string>;
}

type Passing = (answer: UpgradeAnswer, client: UpgradeClient, signal: AbortSignal) => Promise<void>;

/** Exec, attach and port-forward: the runtime serves them, this hands connections on to it. */
export class KubeletStreams {
  readonly #options: KubeletStreamsOptions;
  /** What the runtime has turned out not to know. */
  readonly #unknown = new Set<StreamProtocol>();

  constructor(options: KubeletStreamsOptions) {
    this.#options = options;
  }

  /** Refuses what asks for no upgrade, after what upstream looks at before that. Always throws. */
  async refusePlain(
    target: PodTarget,
    request: IncomingMessage,
    query: URLSearchParams,
    signal: AbortSignal,
  ): Promise<never> {
    await this.#prepare(target, request, query, signal);
    throw new Refusal(500, 'Upgrade request required');
  }

  /**
   * Takes the connection and resolves when its stream has ended. Throws a Refusal while the client has been told nothing: the connection is the caller's to answer on
   * then.
   */
  async serve(
    target: PodTarget,
    connection: UpgradeClient,
    query: URLSearchParams,
    signal: AbortSignal,
  ): Promise<void> {
    const { request } = connection;
    if (!isUpgradeRequest(request)) await this.refusePlain(target, request, query, signal);
    const prepared = await this.#prepare(target, request, query, signal);
    const answer = await this.#connect(prepared, request, signal);
    this.#options.log.debug(
      { stream: target.kind, pod: `${target.namespace}/${target.pod}`, translated: answer === undefined },
      'a stream goes to the runtime',
    );
    if (answer !== undefined) return passUpgrade(answer, connection, signal);
    const { spdy, pass } = prepared.translated;
    return pass(
      await this.#request(prepared, 'POST', spdyHeaders(headersOf(request), spdy), signal),
      connection,
      signal,
    );
  }

  /** POST /run: all that a command wrote. */
  async run(target: PodTarget, query: URLSearchParams, signal: AbortSignal): Promise<Buffer> {
    const { runtime, pods } = this.#options;
    const pod = targetPod(pods(), target);
    const id = await runningContainer(runtime, pod, target, signal);
    if (id === undefined) throw new Refusal(500, `container not found (${JSON.stringify(target.container)})`);
    // one string here, whatever spaces are in it: an old habit of this path
    return runCommand(runtime, id, (query.get('cmd') ?? '').split(' '), signal);
  }

  /** A runtime that does not know one of the newer protocols is asked for it once; `undefined` says that it has to be translated. */
  async #connect(
    prepared: Prepared,
    request: IncomingMessage,
    signal: AbortSignal,
  ): Promise<UpgradeAnswer | undefined> {
    const { protocol, translated } = prepared;
    if (protocol === translated.protocol && this.#unknown.has(protocol)) return undefined;
    const answer = await this.#request(prepared, request.method ?? 'GET', headersOf(request), signal);
    const { response } = answer;
    if (protocol !== translated.protocol || !showsUnknown(protocol, request, response)) return answer;
    this.#unknown.add(protocol);
    this.#options.log.info(
      { protocol, status: response.statusCode },
      'the runtime does not know a protocol of streams: it is translated',
    );
    if (answer.upgraded) answer.socket.destroy();
    else response.destroy();
    return undefined;
  }

  async #request(
    prepared: Prepared,
    method: string,
    headers: OutgoingHttpHeaders,
    signal: AbortSignal,
  ): Promise<UpgradeAnswer> {
    const url = runtimeUrl(await this.#ask(prepared, signal));
    try {
      return await requestUpgrade({ url }, { method, headers }, signal);
    } catch (error) {
      throw new Refusal(500, `error dialing backend: ${errorMessage(error)}`);
    }
  }

  async #ask(prepared: Prepared, signal: AbortSignal): Promise<string> {
    try {
      return await prepared.ask(signal);
    } catch (error) {
      throw runtimeRefusal(error);
    }
  }

  async #prepare(
    target: PodTarget,
    request: IncomingMessage,
    query: URLSearchParams,
    signal: AbortSignal,
  ): Promise<Prepared> {
    const { runtime, pods } = this.#options;
    const protocol = streamProtocol(request.headers);
    if (target.kind === 'portForward') {
      const ports = forwardedPorts(query, protocol === 'channels' || protocol === 'close');
      const sandbox = await readySandbox(runtime, targetPod(pods(), target), target, signal);
      return { protocol, translated: TUNNEL, ask: asked => runtime.portForward(sandbox, ports, asked) };
    }
    const wanted = wantedStreams(query);
    const translated = commandTranslation(wanted);
    const pod = targetPod(pods(), target);
    const id = await runningContainer(runtime, pod, target, signal);
    if (target.kind === 'exec') {
      if (id === undefined) throw new Refusal(500, `container not found (${JSON.stringify(target.container)})`);
      const command = query.getAll('command');
      return { protocol, translated, ask: asked => runtime.exec(id, command, wanted, asked) };
    }
    const spec = containerSpec(pod, target.container);
    if (id === undefined || spec === undefined)
      throw new Refusal(500, `container ${target.container} not found in pod ${target.pod}_${target.namespace}`);
    // a process has its terminal since it began, whatever the client believes
    const tty = spec.tty === true;
    const attached = { ...wanted, tty, stderr: wanted.stderr && !tty };
    return {
      protocol,
      translated: commandTranslation(attached),
      ask: asked => runtime.attach(id, attached, asked),
    };
  }
}

const TUNNEL: Prepared['translated'] = { protocol: 'tunnel', spdy: ['portforward.k8s.io'], pass: passTunnel };

function commandTranslation(wanted: WantedStreams): Prepared['translated'] {
  return {
    protocol: 'close',
    spdy: ['v4.channel.k8s.io'],
    pass: (answer, client, signal) => translateRemoteCommand(answer, client, wanted, signal),
  };
}

/** Who the client is has been proven to this kubelet, and is nothing for a runtime. */
function headersOf(request: IncomingMessage): OutgoingHttpHeaders {
  return forwardedHeaders(request, { authorization: undefined, host: undefined });
}

function containerSpec({ spec }: Pod, name: string): { readonly tty?: boolean | undefined } | undefined {
  const { initContainers = [], containers, ephemeralContainers = [] } = spec;
  return [...initContainers, ...containers, ...ephemeralContainers].find(each => each.name === name);
}
