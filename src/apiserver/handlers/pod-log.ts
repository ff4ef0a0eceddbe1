import type { IncomingMessage } from 'node:http';
import { ApiError, badRequestError, internalApiError, invalidError, methodNotAllowedError } from '../../api/status.ts';
import { canonicalTime } from '../../api/time.ts';
import type { Node, Pod } from '../../api/types/gen/core-v1.ts';
import { type FieldError, forbidden, invalid } from '../../api/validation/field-error.ts';
import { serveWebSocketBytes } from '../../remotecommand/websocket-bytes.ts';
import { type ApiResponse, asksForWebSocket, takeoverResponse } from '../http.ts';
import type { RequestContext } from '../pipeline/context.ts';
import { answerBody } from '../proxy/answer-body.ts';
import type { HandlerContext } from './handler-context.ts';
import { queryFlag } from './query-flag.ts';
import type { ServedResource } from './served-resource.ts';

/** What clients may say of the log that they want; upstream's PodLogOptions. */
interface PodLogOptions {
  readonly container: string;
  readonly follow: boolean;
  readonly previous: boolean;
  readonly timestamps: boolean;
  readonly skipTlsCheck: boolean;
  readonly sinceSeconds: string | undefined;
  readonly sinceTime: string | undefined;
  readonly tailLines: string | undefined;
  readonly limitBytes: string | undefined;
  readonly stream: string | undefined;
}

/** Of a refusal by the kubelet so much is passed on (upstream's number). */
const MAX_REFUSAL_BYTES = 50_000;

/** GET …/pods/{name}/log: what the kubelet of the pod's node has of it, as it comes. A pod without a node has none: 204. */
export async function podLog(
  handlers: HandlerContext,
  pods: ServedResource,
  context: RequestContext,
): Promise<ApiResponse> {
  if (context.info.verb !== 'get') throw methodNotAllowedError();
  const { namespace, name } = context.info;
  const options = readOptions(context.request.query);
  const errors = checkOptions(options);
  if (errors.length > 0) throw invalidError({ group: '', kind: 'PodLogOptions' }, name, errors);
  const entry = await pods.cache.get(pods.key(namespace, name), { resourceVersion: '', signal: context.signal });
  const pod = entry.object as unknown as Pod;
  const container = chosenContainer(pod, options.container);
  const nodeName = pod.spec.nodeName ?? '';
  if (nodeName === '') return { status: 204, headers: {}, body: '' };
  const nodes = handlers.resources.get('/v1/nodes');
  if (nodes === undefined) throw internalApiError('nodes are not served');
  const node = (await nodes.cache.get(nodes.key('', nodeName), { resourceVersion: '', signal: context.signal }))
    .object as unknown as Node;
  const path = `/containerLogs/${[namespace, name, container].map(encodeURIComponent).join('/')}${queryOf(options)}`;
  const answer = await handlers.kubelets.get(node, path, options, context.signal);
  const status = answer.statusCode ?? 500;
  if (status < 200 || status > 206) throw await refusal(answer, status, name);
  if (asksForWebSocket(context.request)) return logOverWebSocket(answer, context.signal);
  return {
    status: 200,
    headers: { 'content-type': 'text/plain' },
    body: answerBody(answer, context.request, context.signal),
  };
}

/** Browsers read logs so; they have no other stream of bytes. */
function logOverWebSocket(answer: IncomingMessage, signal: AbortSignal): ApiResponse {
  const end = (): void => void answer.destroy();
  signal.addEventListener('abort', end, { once: true });
  return takeoverResponse(({ request, socket, head }) =>
    serveWebSocketBytes(request, socket, head, gone => {
      gone.addEventListener('abort', end, { once: true });
      return answer;
    }).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    }),
  );
}

/** The container that is meant. Throws 400 where none is named and there are several, or there is none of that name. Pure. */
export function chosenContainer({ metadata, spec }: Pod, asked: string): string {
  const { initContainers = [], containers, ephemeralContainers = [] } = spec;
  const names = [...initContainers, ...containers, ...ephemeralContainers].map(c => c.name);
  const [only, ...more] = containers;
  if (asked === '') {
    if (only !== undefined && more.length === 0) return only.name;
    throw badRequestError(
      `a container name must be specified for pod ${metadata.name}, choose one of: [${names.join(' ')}]`,
    );
  }
  if (!names.includes(asked)) throw badRequestError(`container ${asked} is not valid for pod ${metadata.name}`);
  return asked;
}

function readOptions(query: URLSearchParams): PodLogOptions {
  const sinceTime = query.get('sinceTime');
  return {
    container: query.get('container') ?? '',
    follow: queryFlag(query.get('follow')),
    previous: queryFlag(query.get('previous')),
    timestamps: queryFlag(query.get('timestamps')),
    skipTlsCheck: queryFlag(query.get('insecureSkipTLSVerifyBackend')),
    sinceSeconds: wholeNumber(query.get('sinceSeconds')),
    sinceTime: sinceTime === null || sinceTime === '' ? undefined : time(sinceTime),
    tailLines: wholeNumber(query.get('tailLines')),
    limitBytes: wholeNumber(query.get('limitBytes')),
    stream: query.get('stream') ?? undefined,
  };
}

function checkOptions({ tailLines, limitBytes, sinceSeconds, sinceTime, stream }: PodLogOptions): FieldError[] {
  const errors: FieldError[] = [];
  if (tailLines !== undefined && Number(tailLines) < 0)
    errors.push(invalid('tailLines', Number(tailLines), 'must be greater than or equal to 0'));
  if (limitBytes !== undefined && Number(limitBytes) < 1)
    errors.push(invalid('limitBytes', Number(limitBytes), 'must be greater than 0'));
  if (sinceSeconds !== undefined && sinceTime !== undefined)
    errors.push(forbidden('', 'at most one of `sinceTime` or `sinceSeconds` may be specified'));
  else if (sinceSeconds !== undefined && Number(sinceSeconds) < 1)
    errors.push(invalid('sinceSeconds', Number(sinceSeconds), 'must be greater than 0'));
  if (stream !== undefined) errors.push(forbidden('stream', 'may not be specified'));
  return errors;
}

function queryOf(options: PodLogOptions): string {
  const query = new URLSearchParams();
  for (const name of [
    'follow',
    'limitBytes',
    'previous',
    'sinceSeconds',
    'sinceTime',
    'tailLines',
    'timestamps',
  ] as const) {
    const value = options[name];
    if (value !== undefined && value !== false) query.set(name, String(value));
  }
  const text = query.toString();
  return text === '' ? '' : `?${text}`;
}

/** What the kubelet refused, in its own words. */
async function refusal(answer: IncomingMessage, status: number, pod: string): Promise<ApiError> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of answer) {
    parts.push(part as Buffer);
    size += (part as Buffer).length;
    if (size >= MAX_REFUSAL_BYTES) break;
  }
  const text = Buffer.concat(parts).toString('utf8', 0, Math.min(size, MAX_REFUSAL_BYTES)).trim();
  if (status === 400) return badRequestError(text);
  if (status === 500) return internalApiError(text);
  const details = { details: { name: pod, kind: 'pods/log' } };
  // upstream leaves the verb empty here
  const subject = `( pods/log ${pod})`;
  switch (status) {
    case 401:
      return new ApiError(
        'Unauthorized',
        `the server has asked for the client to provide credentials ${subject}`,
        details,
      );
    case 403:
      return new ApiError('Forbidden', `${text} ${subject}`, details);
    case 404:
      return new ApiError('NotFound', `the server could not find the requested resource ${subject}`, details);
    default:
      return new ApiError(
        'InternalError',
        `an error on the server (${JSON.stringify(text)}) has prevented the request from succeeding ${subject}`,
        details,
      );
  }
}

function wholeNumber(text: string | null): string | undefined {
  if (text === null || text === '') return undefined;
  if (!/^[+-]?\d{1,18}$/.test(text))
    throw badRequestError(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  return text;
}

function time(text: string): string {
  try {
    return canonicalTime(text);
  } catch (error) {
    throw badRequestError((error as Error).message);
  }
}
