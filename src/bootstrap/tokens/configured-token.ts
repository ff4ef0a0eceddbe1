import { durationMs } from '../../api/duration.ts';
import type { BootstrapToken } from '../../api/types/gen/bootstraptoken-v1.ts';
import type { StoredToken } from './stored-token.ts';

/** The token that a configuration with its defaults says; `newToken` where it leaves the text out, and `description` where it has none. `now` is ms since the epoch. Pure but for `newToken`. */
export function configuredToken(
  { token, description, ttl, expires, usages = [], groups = [] }: BootstrapToken,
  otherwise: { readonly newToken: () => string; readonly now: number; readonly description: string },
): StoredToken {
  const ttlMs = ttl === undefined ? 0 : durationMs(ttl);
  return {
    token: token || otherwise.newToken(),
    expires: expires !== undefined ? Date.parse(expires) : ttlMs === 0 ? undefined : otherwise.now + ttlMs,
    description: description || otherwise.description,
    usages,
    groups,
  };
}
