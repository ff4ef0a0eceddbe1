import { timingSafeEqual } from 'node:crypto';
import type { Secret } from '../../api/types/gen/core-v1.ts';
import type { Clock } from '../../base/clock.ts';
import type { Lister } from '../lister.ts';
import { authenticated, NO_PROOF, type TokenAuthenticator } from './authenticator.ts';
import { userInfo } from './user.ts';

const TOKEN = /^([a-z0-9]{6})\.([a-z0-9]{16})$/;
const DEFAULT_GROUP = 'system:bootstrappers';
const EXTRA_GROUP = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/;

/**
 * Tokens with which machines join: `id.secret`, kept as the Secret kube-system/bootstrap-token-<id>. The user is `system:bootstrap:<id>`. A token whose
 * Secret is missing, of another type, expired, deleted or not meant for this is no proof at all; `say` is told why, without
 * the token, for the log.
 */
export function bootstrapTokenAuthenticator(
  secrets: Lister<Secret>,
  clock: Clock,
  say: (because: string) => void = () => {},
): TokenAuthenticator {
  return {
    name: 'bootstrap-token',
    async authenticate(token) {
      const [, id, secret] = TOKEN.exec(token) ?? [];
      if (id === undefined || secret === undefined) return NO_PROOF;
      const stored = secrets.get('kube-system', `bootstrap-token-${id}`);
      if (stored === undefined) return NO_PROOF;
      const problem = tokenProblem(stored, id, secret, clock.now());
      const groups = extraGroups(stored);
      if (problem === undefined && groups !== undefined)
        return authenticated(userInfo(`system:bootstrap:${id}`, [...new Set([DEFAULT_GROUP, ...groups])].toSorted()));
      say(`Secret kube-system/bootstrap-token-${id} ${problem ?? 'has an invalid value for key auth-extra-groups'}`);
      return NO_PROOF;
    },
  };
}

function tokenProblem(stored: Secret, id: string, secret: string, now: number): string | undefined {
  if (stored.metadata.deletionTimestamp !== undefined) return 'is being deleted';
  if (stored.type !== 'bootstrap.kubernetes.io/token')
    return 'has an invalid type, expected bootstrap.kubernetes.io/token';
  const kept = Buffer.from(value(stored, 'token-secret'));
  const shown = Buffer.from(secret);
  if (kept.length !== shown.length || !timingSafeEqual(kept, shown)) return 'has another value for key token-secret';
  if (value(stored, 'token-id') !== id) return 'has an invalid value for key token-id';
  const expiration = value(stored, 'expiration');
  // What cannot be read as a time counts as over.
  if (expiration !== '' && !(Date.parse(expiration) > now)) return `expired at ${expiration}`;
  if (value(stored, 'usage-bootstrap-authentication') !== 'true')
    return 'is not marked usage-bootstrap-authentication=true';
  return undefined;
}

function extraGroups(stored: Secret): readonly string[] | undefined {
  const text = value(stored, 'auth-extra-groups');
  const groups = text === '' ? [] : text.split(',');
  return groups.every(group => EXTRA_GROUP.test(group)) ? groups : undefined;
}

function value(secret: Secret, key: string): string {
  const data = secret.data ?? {};
  return Object.hasOwn(data, key) ? Buffer.from(String(data[key]), 'base64').toString('utf8') : '';
}
