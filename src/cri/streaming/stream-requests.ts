import type { Clock } from '../../base/clock.ts';
import { failedPrecondition } from '../../base/errors.ts';
import type { WantedStreams } from '../../remotecommand/remote-command.ts';
import { PendingRequests } from './pending-requests.ts';

export interface ExecStreamRequest {
  readonly kind: 'exec';
  readonly containerId: string;
  readonly cmd: readonly string[];
  readonly wanted: WantedStreams;
}

export interface AttachStreamRequest {
  readonly kind: 'attach';
  readonly containerId: string;
  readonly wanted: WantedStreams;
}

export interface PortForwardStreamRequest {
  readonly kind: 'portforward';
  readonly sandboxId: string;
  /** Asked for with the call; the WebSocket form of the protocol knows no others. */
  readonly ports: readonly number[];
}

export type StreamRequest = ExecStreamRequest | AttachStreamRequest | PortForwardStreamRequest;

/** The streams that clients were told they may open, and where. */
export class StreamRequests {
  readonly #pending: PendingRequests<StreamRequest>;
  #base: string | undefined;

  constructor(clock: Clock) {
    this.#pending = new PendingRequests(clock);
  }

  /** Where the streaming server listens; undefined while it does not. */
  servedAt(base: string | undefined): void {
    this.#base = base;
  }

  /** The URL at which the stream may be opened once, within a minute. Throws `resource-exhausted`, and `failed-precondition` where no streams are served. */
  urlFor(request: StreamRequest): string {
    if (this.#base === undefined)
      throw failedPrecondition(
        'no streams are served: streaming.address in the configuration of gantry run cri is empty',
      );
    return `${this.#base}/${request.kind}/${this.#pending.add(request)}`;
  }

  /** The request of a URL's path, which is used up by this. */
  take(path: string): StreamRequest | undefined {
    const [, kind, token] = /^\/(exec|attach|portforward)\/([^/]+)$/.exec(path) ?? [];
    if (kind === undefined || token === undefined) return undefined;
    const request = this.#pending.take(token);
    return request?.kind === kind ? request : undefined;
  }
}
