import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { goQuote } from '../../api/go-quote.ts';
import { badRequestError, internalApiError, serviceUnavailableError } from '../../api/status.ts';
import type { Endpoints, Node, Pod, Service } from '../../api/types/gen/core-v1.ts';
import { errorMessage } from '../../base/errors.ts';
import type { Backend } from '../backend.ts';
import type { RequestContext } from '../pipeline/context.ts';
import { endpointChoices } from '../proxy/pick-endpoint.ts';
import { type ProxiedName, proxiedName } from '../proxy/proxied-name.ts';
import { isProxyable } from '../proxy/proxyable-address.ts';
import type { HandlerContext } from './handler-context.ts';
import { withApiErrors } from './storage-failure.ts';

const PORTS = { http: 80, https: 443 } as const;

/** Where `pods/proxy`, `services/proxy` and `nodes/proxy` lead. Throws in upstream's words where that is nowhere, or where nobody may be led to. */
export function proxyBackend(handlers: HandlerContext, context: RequestContext): Promise<Backend> {
  const { resource, name } = context.info;
  const asked = proxiedName(name);
  if (asked === undefined) throw badRequestError(`invalid ${resource.slice(0, -1)} request ${goQuote(name)}`);
  if (resource === 'pods') return podBackend(handlers, context, asked);
  if (resource === 'services') return serviceBackend(handlers, context, asked);
  return nodeBackend(handlers, context, asked);
}

/** An object of the core group as it is now. Throws 404. */
export async function coreObject<T>(
  handlers: HandlerContext,
  plural: string,
  target: { readonly namespace: string; readonly name: string },
  signal: AbortSignal,
): Promise<T> {
  const served = handlers.resources.get(`/v1/${plural}`);
  if (served === undefined) throw internalApiError(`${plural} are not served`);
  return withApiErrors(served.groupResource, target.name, async () => {
    const entry = await served.cache.get(served.key(target.namespace, target.name), { resourceVersion: '', signal });
    return entry.object as unknown as T;
  });
}

/** Without a port the first that a container names. */
async function podBackend(handlers: HandlerContext, context: RequestContext, asked: ProxiedName): Promise<Backend> {
  const { namespace } = context.info;
  const pod = await coreObject<Pod>(handlers, 'pods', { namespace, name: asked.name }, context.signal);
  const host = pod.status?.podIPs?.[0]?.ip ?? '';
  const named = pod.spec.containers.find(each => (each.ports ?? []).length > 0)?.ports?.[0]?.containerPort;
  if (!isProxyable(host)) throw badRequestError('address not allowed');
  const port = asked.port === '' ? (named ?? PORTS[asked.scheme]) : portNumber(asked.port);
  return { scheme: asked.scheme, host, port, agent: handlers.proxies[asked.scheme] };
}

/** Only addresses that are a pod's lead anywhere: endpoints can be written by hand. */
async function serviceBackend(handlers: HandlerContext, context: RequestContext, asked: ProxiedName): Promise<Backend> {
  const { info, signal } = context;
  const target = { namespace: info.namespace, name: asked.name };
  let portName = asked.port;
  if (/^[+-]?\d+$/.test(portName)) {
    const { spec } = await coreObject<Service>(handlers, 'services', target, signal);
    const port = spec.ports?.find(each => each.port === Number(portName));
    if (port === undefined)
      throw serviceUnavailableError(`no service port ${Number(portName)} found for service ${goQuote(asked.name)}`);
    portName = port.name ?? '';
  }
  const { subsets = [] } = await coreObject<Endpoints>(handlers, 'endpoints', target, signal);
  if (subsets.length === 0) throw serviceUnavailableError(`no endpoints available for service ${goQuote(asked.name)}`);
  for (const { address, port } of endpointChoices(subsets, portName, Math.random)) {
    const pod = address.targetRef;
    if (pod?.namespace !== info.namespace) continue;
    const target = { namespace: info.namespace, name: pod.name ?? '' };
    const found = await coreObject<Pod>(handlers, 'pods', target, signal).catch(() => undefined);
    signal.throwIfAborted();
    if (!found?.status?.podIPs?.some(each => each.ip === address.ip)) continue;
    return { scheme: asked.scheme, host: address.ip, port, agent: handlers.proxies[asked.scheme] };
  }
  throw serviceUnavailableError(`no endpoints available for service ${goQuote(info.name)}`);
}

/** Without a port, or with that of the kubelet, the kubelet itself, with the certificate of this server. */
async function nodeBackend(handlers: HandlerContext, context: RequestContext, asked: ProxiedName): Promise<Backend> {
  const node = await coreObject<Node>(handlers, 'nodes', { namespace: '', name: asked.name }, context.signal);
  const kubelet = handlers.kubelets.of(node);
  for (const address of await addressesOf(kubelet.host))
    if (!isProxyable(address)) throw badRequestError('address not allowed');
  if (asked.port === '' || asked.port === String(kubelet.port)) return kubelet;
  const port = portNumber(asked.port);
  return { scheme: asked.scheme, host: kubelet.host, port, agent: handlers.proxies[asked.scheme] };
}

async function addressesOf(host: string): Promise<readonly string[]> {
  if (isIP(host) !== 0) return [host];
  try {
    return (await lookup(host, { all: true })).map(each => each.address);
  } catch (error) {
    throw badRequestError(errorMessage(error));
  }
}

/** Throws 503 for what no dialer takes, as upstream, which finds out when it dials. */
function portNumber(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw serviceUnavailableError(
    /^\d+$/.test(text)
      ? `error trying to reach service: dial tcp: address ${text}: invalid port`
      : `error trying to reach service: dial tcp: lookup tcp/${text}: unknown port`,
  );
}
