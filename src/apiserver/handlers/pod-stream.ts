import { badRequestError, forbiddenError } from '../../api/status.ts';
import type { Node, Pod } from '../../api/types/gen/core-v1.ts';
import { passTunnel } from '../../remotecommand/port-forward-tunnel.ts';
import { streamProtocol } from '../../remotecommand/stream-protocol.ts';
import { translateRemoteCommand } from '../../remotecommand/translate-remote-command.ts';
import { requestAttributes } from '../authz/attributes.ts';
import type { Authorizer } from '../authz/authorizer.ts';
import { type ApiRequest, type ApiResponse, asksForUpgrade } from '../http.ts';
import type { RequestContext } from '../pipeline/context.ts';
import { type HandingOver, handOver, RAW, streamBackend } from '../proxy/hand-over.ts';
import type { HandlerContext } from './handler-context.ts';
import { chosenContainer } from './pod-log.ts';
import { coreObject } from './proxy-backend.ts';
import { queryFlag } from './query-flag.ts';

export type StreamKind = 'attach' | 'exec' | 'portforward';

/** GET and POST of pods/exec, pods/attach and pods/portforward: the kubelet of the pod's node serves them. */
export async function podStream(
  handlers: HandlerContext,
  context: RequestContext,
  kind: StreamKind,
): Promise<ApiResponse> {
  mustMayCreate(handlers.authorizer, context);
  const { info, request, signal } = context;
  const ports = kind === 'portforward' ? portsOf(request.query) : [];
  const pod = await coreObject<Pod>(handlers, 'pods', info, signal);
  const path = kind === 'portforward' ? portForwardPath(pod, ports) : commandPath(kind, pod, request.query);
  const nodeName = pod.spec.nodeName ?? '';
  if (nodeName === '') throw badRequestError(`pod ${info.name} does not have a host assigned`);
  const node = await coreObject<Node>(handlers, 'nodes', { namespace: '', name: nodeName }, signal);
  const backend = streamBackend(handlers.kubelets.of(node), path);
  if (!asksForUpgrade(request)) throw badRequestError('Upgrade request required');
  return handOver(backend, context, translation(kind, node, request));
}

/** WebSockets of the newer protocols go on as they are to a kubelet that says it takes them, and are translated to SPDY for every other. */
function translation(kind: StreamKind, node: Node, { headers, query }: ApiRequest): HandingOver {
  if (node.status?.declaredFeatures?.includes('ExtendWebSocketsToKubelet') === true) return RAW;
  const offered = headers.all('sec-websocket-protocol').join(',');
  const protocol = streamProtocol({ upgrade: headers.get('upgrade'), 'sec-websocket-protocol': offered });
  if (kind !== 'portforward' && protocol === 'close') {
    const flag = (name: string): boolean => queryFlag(query.get(name));
    const wanted = { stdin: flag('stdin'), stdout: flag('stdout'), stderr: flag('stderr'), tty: flag('tty') };
    return {
      spdy: ['v4.channel.k8s.io'],
      pass: (answer, client, signal) => translateRemoteCommand(answer, client, wanted, signal, { idleMs: 0 }),
    };
  }
  return kind === 'portforward' && protocol === 'tunnel' ? { spdy: ['portforward.k8s.io'], pass: passTunnel } : RAW;
}

/** What a stream does is no reading: WebSocket clients, which can only send GET, need the right to create too. Upstream has it since 1.35. */
function mustMayCreate(authorizer: Authorizer, { user, info }: RequestContext): void {
  if (info.verb === 'create') return;
  const decision = authorizer.authorize(requestAttributes(user, { ...info, verb: 'create' }));
  if (decision.kind !== 'allow')
    throw forbiddenError({ group: info.apiGroup, resource: info.resource }, info.name, decision.reason);
}

/** The kubelet's path for an exec or attach, with its names of the options. Throws 400 as a log does where the container is not clear. Pure. */
export function commandPath(kind: 'attach' | 'exec', pod: Pod, query: URLSearchParams): string {
  const container = chosenContainer(pod, query.get('container') ?? '');
  const params = new URLSearchParams();
  if (kind === 'exec') for (const part of query.getAll('command')) params.append('command', part);
  for (const [asked, told] of [
    ['stderr', 'error'],
    ['stdin', 'input'],
    ['stdout', 'output'],
    ['tty', 'tty'],
  ] as const)
    if (queryFlag(query.get(asked))) params.append(told, '1');
  return pathOf([kind, pod.metadata.namespace ?? '', pod.metadata.name ?? '', container], params);
}

function portForwardPath({ metadata }: Pod, ports: readonly number[]): string {
  const params = new URLSearchParams(ports.length === 0 ? {} : { port: ports.join(',') });
  return pathOf(['portForward', metadata.namespace ?? '', metadata.name ?? ''], params);
}

function pathOf(parts: readonly string[], params: URLSearchParams): string {
  const query = params.size === 0 ? '' : `?${params}`;
  return `/${parts.map(encodeURIComponent).join('/')}${query}`;
}

/** The `ports` that a WebSocket client of port-forward names. Throws 400 for what is no 32-bit number. Pure. */
export function portsOf(query: URLSearchParams): readonly number[] {
  return query.getAll('ports').map(text => {
    const problem = (why: string): Error =>
      badRequestError(`strconv.ParseInt: parsing ${JSON.stringify(text)}: ${why}`);
    if (!/^[+-]?\d+$/.test(text)) throw problem('invalid syntax');
    if (Math.abs(Number(text)) > 0x7fff_ffff) throw problem('value out of range');
    return Number(text);
  });
}
