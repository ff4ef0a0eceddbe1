import { goQuoteList } from '../../api/go-quote.ts';
import { badRequestError } from '../../api/status.ts';
import type { RequestHeaders } from '../http.ts';

const EXTRA_PREFIX = 'impersonate-extra-';

export function isImpersonationHeader(name: string): boolean {
  return (
    name === 'impersonate-user' ||
    name === 'impersonate-group' ||
    name === 'impersonate-uid' ||
    name.startsWith(EXTRA_PREFIX)
  );
}

/** Who a request wants to be taken for, as its headers say; undefined where they do not. */
export interface WantedUser {
  readonly name: string;
  readonly groups: readonly string[];
  readonly uid: string;
  readonly extra: ReadonlyMap<string, readonly string[]>;
}

/** Reads the headers. Throws 400 for groups, a UID or extras without a user. */
export function wantedUser(headers: RequestHeaders): WantedUser | undefined {
  const name = headers.get('impersonate-user');
  const groups = headers.all('impersonate-group');
  const uid = headers.get('impersonate-uid');
  const extra = new Map<string, readonly string[]>();
  for (const [header, values] of headers.entries())
    if (header.startsWith(EXTRA_PREFIX)) extra.set(extraKey(header.slice(EXTRA_PREFIX.length)), values);
  if (name !== '') return { name, groups, uid, extra };
  if (groups.length > 0 || uid !== '' || extra.size > 0)
    throw badRequestError(
      `requested groups ${goQuoteList(groups)}, a UID or extras (keys ${goQuoteList([...extra.keys()])}) without impersonating a user name`,
    );
  return undefined;
}

function extraKey(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}
