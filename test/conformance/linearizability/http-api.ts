import type { ClientRequest, IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import type { ClientCredentials } from '../../harness/api-server.ts';

/** What an answer was: a status with its body, or no answer at all (the connection broke: a write may have been carried out). */
export type Answer =
  | { readonly kind: 'answered'; readonly status: number; readonly body: ApiBody }
  | { readonly kind: 'broken'; readonly reason: string };

export interface ApiBody {
  readonly kind?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly code?: number;
  readonly metadata?: {
    readonly name?: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly continue?: string;
  };
  readonly details?: { readonly uid?: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly items?: readonly ApiBody[];
}

export interface WatchEvent {
  readonly type: string;
  readonly object: ApiBody;
}

/** A client of one server after another: it is told the address with each call, and keeps connections. */
export class PlainClient {
  readonly #agent: Agent;
  readonly #credentials: ClientCredentials;

  constructor(credentials: ClientCredentials) {
    this.#credentials = credentials;
    this.#agent = new Agent({ keepAlive: true, ...credentials });
  }

  call(url: string, method: string, path: string, body?: object, contentType = 'application/json'): Promise<Answer> {
    return new Promise(resolve => {
      const broken = (error: Error): void => resolve({ kind: 'broken', reason: error.message });
      const asked = this.#request(url, method, path, { 'content-type': contentType }, answer => {
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', piece => {
          text += piece;
        });
        answer.on('error', broken);
        // a body that was cut ends with 'aborted', not with 'end'
        answer.on('end', () => resolve({ kind: 'answered', status: answer.statusCode ?? 0, body: parsed(text) }));
      });
      asked.setTimeout(30_000, () => asked.destroy(new Error('no answer for 30 s')));
      asked.on('error', broken);
      asked.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  /** The events of a watch until it ends, breaks or is aborted; whole lines only. Throws nothing. Yields a Status of its own where it was refused. */
  async *watch(url: string, path: string, signal: AbortSignal): AsyncGenerator<WatchEvent> {
    const answer = await new Promise<IncomingMessage | undefined>(resolve => {
      const asked = this.#request(url, 'GET', path, {}, resolve, signal);
      asked.on('error', () => resolve(undefined));
      asked.end();
    });
    if (answer === undefined) return;
    answer.setEncoding('utf8');
    let text = '';
    try {
      for await (const piece of answer) {
        text += piece;
        const lines = text.split('\n');
        text = lines.pop() ?? '';
        for (const line of lines) {
          const parsed = JSON.parse(line) as WatchEvent & ApiBody;
          yield answer.statusCode === 200 ? parsed : { type: 'ERROR', object: parsed };
        }
      }
      if (answer.statusCode !== 200 && text !== '') yield { type: 'ERROR', object: JSON.parse(text) as ApiBody };
    } catch {
      // the connection broke: what was told until then counts
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  #request(
    url: string,
    method: string,
    path: string,
    headers: Readonly<Record<string, string>>,
    onAnswer: (answer: IncomingMessage) => void,
    signal?: AbortSignal,
  ): ClientRequest {
    const options = {
      ...this.#credentials,
      agent: this.#agent,
      method,
      headers,
      ...(signal === undefined ? {} : { signal }),
    };
    return request(`${url}${path}`, options, onAnswer);
  }
}

/** The body; one that is no JSON is told as such, so that it is seen. */
function parsed(text: string): ApiBody {
  try {
    return JSON.parse(text) as ApiBody;
  } catch {
    return { kind: 'no JSON', message: text.slice(0, 200) };
  }
}
