import type { OutgoingHttpHeaders } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { unexplainedError } from '../../api/status.ts';
import { errorMessage } from '../../base/errors.ts';
import { joinedSignal } from '../../base/signals.ts';
import { requestUpgrade, type StreamBackend, type UpgradeAnswer } from '../../remotecommand/backend.ts';
import { adoptSocket } from '../../remotecommand/refuse-upgrade.ts';
import { spdyHeaders } from '../../remotecommand/spdy-headers.ts';
import { passUpgrade, type UpgradeClient } from '../../remotecommand/upgrade-proxy.ts';
import { type Backend, backendAddress } from '../backend.ts';
import { type ApiResponse, takeoverResponse } from '../http.ts';
import type { RequestContext } from '../pipeline/context.ts';
import { answerBody } from './answer-body.ts';
import { headersToBackend, headersToClient } from './proxied-headers.ts';

/** The same place for a connection that becomes a stream: it is made anew, and is nobody else's. `path` has the query. */
export function streamBackend({ scheme, host, port, agent }: Backend, path: string): StreamBackend {
  const url = new URL(`${scheme}://${backendAddress({ host, port })}${path}`);
  if (!(agent instanceof HttpsAgent)) return { url };
  const { cert, key, ca, rejectUnauthorized } = agent.options;
  return { url, tls: { cert, key, ca, rejectUnauthorized } };
}

/** Stands between a client and a backend that took the connection, or refused it; resolves when that has ended. */
export type Passing = (answer: UpgradeAnswer, client: UpgradeClient, signal: AbortSignal) => Promise<void>;

/** What becomes of a request for another protocol on its way to a backend. */
export interface HandingOver {
  /** Subprotocols of SPDY to ask the backend for instead of what the client speaks; undefined hands on what it asks for. */
  readonly spdy?: readonly string[];
  readonly pass: Passing;
}

/** As it is. */
export const RAW: HandingOver = { pass: passUpgrade };

/**
 * Hands a request for another protocol on to a backend. Where the backend takes it, the answer is the connection, whose bytes pass both ways until one side ends,
 * or the server; its refusal is passed on as it is. Throws 500 in upstream's words where it gives no answer, or one that is neither.
 */
export async function handOver(backend: StreamBackend, context: RequestContext, how = RAW): Promise<ApiResponse> {
  const { request, signal } = context;
  const own = outgoing(
    headersToBackend(request.headers, { remoteAddress: request.remoteAddress, upgrade: true, more: {} }),
  );
  const asked = {
    method: how.spdy === undefined ? request.method : 'POST',
    headers: how.spdy === undefined ? own : spdyHeaders(own, how.spdy),
    host: request.headers.get('host'),
  };
  let answer: UpgradeAnswer;
  try {
    answer = await requestUpgrade(backend, asked, signal);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw unexplainedError(`error dialing backend: ${errorMessage(error)}`, error);
  }
  const { response } = answer;
  if (!answer.upgraded) {
    const status = response.statusCode ?? 0;
    if (status >= 400)
      return {
        status,
        headers: headersToClient(response.rawHeaders),
        body: answerBody(response, request, signal),
        closeConnection: true,
      };
    response.destroy();
    throw unexplainedError(`invalid upgrade response: status code ${status}`);
  }
  const far = answer.socket;
  adoptSocket(far);
  // nobody may be left to take the connection over
  const leave = (): void => void far.destroy();
  if (signal.aborted) leave();
  signal.addEventListener('abort', leave, { once: true });
  return takeoverResponse(async (connection, gone) => {
    await how.pass(answer, connection, joinedSignal(gone, signal));
    leave();
  });
}

function outgoing(raw: readonly string[]): OutgoingHttpHeaders {
  const headers: Record<string, string[]> = Object.create(null);
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = (raw[i] ?? '').toLowerCase();
    headers[name] = [...(headers[name] ?? []), raw[i + 1] ?? ''];
  }
  return headers;
}
