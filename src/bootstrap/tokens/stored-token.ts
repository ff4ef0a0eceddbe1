import type { Secret } from '../../api/types/gen/core-v1.ts';
import { invalidArgument } from '../../base/errors.ts';
import { parseToken } from '../token.ts';

/** A bootstrap token as the cluster keeps it. */
export interface StoredToken {
  /** `id.secret`. */
  readonly token: string;
  readonly description: string;
  /** Ms since the epoch; undefined: for ever. */
  readonly expires: number | undefined;
  readonly usages: readonly string[];
  readonly groups: readonly string[];
}

export const TOKEN_NAMESPACE = 'kube-system';
export const TOKEN_SECRET_TYPE = 'bootstrap.kubernetes.io/token';
const USAGE_KEY = 'usage-bootstrap-';
const USAGES = ['signing', 'authentication'];
const GROUP = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/;

export function tokenSecretName(id: string): string {
  return `bootstrap-token-${id}`;
}

/** Throws `invalid-argument` for usages and groups that the API server would pass over. */
export function checkStoredToken({ token, usages, groups }: StoredToken): void {
  parseToken(token);
  const usage = usages.find(each => !USAGES.includes(each));
  if (usage !== undefined)
    throw invalidArgument(`--usages: invalid bootstrap token usage "${usage}": there are ${USAGES.join(' and ')}`);
  const group = groups.find(each => !GROUP.test(each));
  if (group !== undefined)
    throw invalidArgument(`--groups: bootstrap group "${group}" is invalid: it has to match ${String(GROUP)}`);
}

/** The Secret that makes a token valid. */
export function secretOfToken({ token, description, expires, usages, groups }: StoredToken): Secret {
  const { id, secret } = parseToken(token);
  const data: Record<string, string> = {
    'token-id': id,
    'token-secret': secret,
    ...Object.fromEntries(usages.map(usage => [`${USAGE_KEY}${usage}`, 'true'])),
    ...(groups.length === 0 ? {} : { 'auth-extra-groups': groups.join(',') }),
    ...(description === '' ? {} : { description }),
    ...(expires === undefined ? {} : { expiration: rfc3339(expires) }),
  };
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: tokenSecretName(id), namespace: TOKEN_NAMESPACE },
    type: TOKEN_SECRET_TYPE,
    data: Object.fromEntries(Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString('base64')])),
  };
}

/** The token in a Secret; undefined where that holds none that could be used. */
export function tokenOfSecret({ metadata, data = {} }: Secret): StoredToken | undefined {
  const text = (key: string): string => Buffer.from(data[key] ?? '', 'base64').toString();
  const token = `${text('token-id')}.${text('token-secret')}`;
  if (!/^[a-z0-9]{6}\.[a-z0-9]{16}$/.test(token) || metadata.name !== tokenSecretName(text('token-id')))
    return undefined;
  const expires = text('expiration') === '' ? undefined : Date.parse(text('expiration'));
  return {
    token,
    description: text('description'),
    expires: Number.isNaN(expires) ? undefined : expires,
    // upstream sorts them
    usages: Object.keys(data)
      .filter(key => key.startsWith(USAGE_KEY) && text(key) === 'true')
      .map(key => key.slice(USAGE_KEY.length))
      .toSorted(),
    groups: text('auth-extra-groups')
      .split(',')
      .filter(group => group !== ''),
  };
}

/** Seconds, in UTC. */
export function rfc3339(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}
