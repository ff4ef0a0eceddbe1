import { canonicalTime } from '../../api/time.ts';
import type { ConfigMap, Secret } from '../../api/types/gen/core-v1.ts';
import { detachedSignature } from '../../pki/detached-jws.ts';

/** Where bootstrap tokens are kept, and what they sign for machines that trust nobody yet. */
export const TOKEN_NAMESPACE = 'kube-system';
export const TOKEN_TYPE = 'bootstrap.kubernetes.io/token';
export const CLUSTER_INFO = { namespace: 'kube-public', name: 'cluster-info' } as const;

const CONTENT = 'kubeconfig';
const SIGNATURE_PREFIX = 'jws-kubeconfig-';
const SECRET_NAME = /^bootstrap-token-([a-z0-9]{6})$/;

/**
 * When a token is over, in ms since the epoch; a time that nobody can read has passed. Undefined for a token without an end.
 */
export function endOfToken(secret: Secret): number | undefined {
  const text = value(secret, 'expiration');
  if (text === '') return undefined;
  try {
    return Date.parse(canonicalTime(text));
  } catch {
    return 0;
  }
}

export interface SignatureChange {
  /** The map with the signatures of all valid tokens and no others; undefined where it has them. */
  readonly map: ConfigMap | undefined;
  /** When the first of these tokens ends, in ms since the epoch. */
  readonly until: number | undefined;
}

/** What has to be in cluster-info at a time. A map without a kubeconfig has nothing to sign. */
export function wantedSignatures(map: ConfigMap, secrets: readonly Secret[], now: number): SignatureChange {
  const content = map.data?.[CONTENT];
  if (content === undefined) return { map: undefined, until: undefined };
  const signing = secrets.flatMap(secret => signingToken(secret, now));
  const signatures = new Map(
    signing.map(token => [`${SIGNATURE_PREFIX}${token.id}`, detachedSignature(content, token)]),
  );
  const found = Object.entries(map.data ?? {});
  const others = found.filter(([key]) => !key.startsWith(SIGNATURE_PREFIX));
  const isSame =
    found.length === others.length + signatures.size &&
    [...signatures].every(([key, text]) => map.data?.[key] === text);
  const ends = signing.flatMap(({ end }) => (end === undefined ? [] : [end]));
  return {
    map: isSame ? undefined : { ...map, data: Object.fromEntries([...others, ...signatures]) },
    until: ends.length === 0 ? undefined : Math.min(...ends),
  };
}

interface SigningToken {
  readonly id: string;
  readonly secret: string;
  readonly end: number | undefined;
}

function signingToken(secret: Secret, now: number): readonly SigningToken[] {
  const id = SECRET_NAME.exec(secret.metadata.name ?? '')?.[1];
  const end = endOfToken(secret);
  const token = value(secret, 'token-secret');
  const isValid =
    id !== undefined &&
    value(secret, 'token-id') === id &&
    token !== '' &&
    value(secret, 'usage-bootstrap-signing') === 'true' &&
    (end === undefined || end > now);
  return isValid ? [{ id, secret: token, end }] : [];
}

function value({ data = {} }: Secret, key: string): string {
  return Object.hasOwn(data, key) ? Buffer.from(String(data[key]), 'base64').toString('utf8') : '';
}
