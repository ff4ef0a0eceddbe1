import type { Container, HTTPGetAction } from '../../api/types/gen/core-v1.ts';

type IntOrString = HTTPGetAction['port'];

export interface HttpTarget {
  readonly url: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** Upstream's: whoever wants to tell probes from users. */
const USER_AGENT = 'kube-probe/1.36';

/** The port that a handler means, by number or by the name that the container gives it. Upstream's text where there is none. */
export function portOf(port: IntOrString, container: Container): number | { readonly error: string } {
  const number = typeof port === 'number' ? port : namedPort(port, container);
  if (number === undefined) return { error: `couldn't find port: ${port}` };
  if (number <= 0 || number > 65_535) return { error: `invalid port number: ${number}` };
  return number;
}

function namedPort(name: string, container: Container): number | undefined {
  return (
    container.ports?.find(each => each.name === name)?.containerPort ?? (/^\d+$/.test(name) ? Number(name) : undefined)
  );
}

/** Where a GET goes, and with which header fields; those of the handler take the place of the usual ones, and an empty one leaves it out. */
export function httpTarget(
  action: HTTPGetAction,
  container: Container,
  podIP: string,
): HttpTarget | { readonly error: string } {
  const port = portOf(action.port, container);
  if (typeof port !== 'number') return port;
  const scheme = (action.scheme ?? 'HTTP').toLowerCase();
  const host = action.host === undefined || action.host === '' ? podIP : action.host;
  const path = action.path ?? '/';
  const headers = (action.httpHeaders ?? []).map(({ name, value }) => [name, value] as const);
  const has = (name: string): boolean => headers.some(([each]) => each.toLowerCase() === name);
  return {
    url: `${scheme}://${hostAndPort(host, port)}${path.startsWith('/') ? '' : '/'}${path}`,
    headers: [
      ...(has('user-agent') ? [] : [['User-Agent', USER_AGENT] as const]),
      ...(has('accept') ? [] : [['Accept', '*/*'] as const]),
      ...headers.filter(([name, value]) => value !== '' || !['user-agent', 'accept'].includes(name.toLowerCase())),
    ],
  };
}

/** `10.244.0.7:80`, `[fd00::7]:80`. */
export function hostAndPort(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
