import { posix } from 'node:path';

/** What a link that a backend gave is judged by. */
export interface LinkContext {
  /** Escaped path in front of the proxied one. */
  readonly before: string;
  /** Host and port of the backend, and the Host header of the request: links to these lead to the backend. */
  readonly hosts: readonly string[];
  /** Of `hosts` the Host header: links to it keep it. */
  readonly requestHost: string;
}

/** Scheme, authority, path and the rest of a reference (RFC 3986 appendix B). */
const REFERENCE = /^(?:([a-z][a-z0-9+.-]*):)?(?:\/\/([^/?#]*))?([^?#]*)(.*)$/is;

/** What a path that `posix.join` would change has. It also tells some apart that it would not: they only take longer. */
const UNTIDY = /\/[./]/;

/**
 * A link of a backend as the client must see it: one with an absolute path on the backend's own host goes through the proxy again, every other one stays as it is. Pure.
 */
export function rewriteLink(link: string, { before, hosts, requestHost }: LinkContext): string {
  const [, scheme = '', authority = '', path = '', rest = ''] = REFERENCE.exec(link) ?? [];
  const host = authority.slice(authority.indexOf('@') + 1);
  if ((host !== '' && !hosts.includes(host)) || !path.startsWith('/')) return link;
  const origin = host !== '' && host === requestHost ? `${scheme === '' ? '' : `${scheme}:`}//${authority}` : '';
  // what has the prefix has been made by a backend that knows of it
  return `${origin}${path.startsWith(before) ? path : joined(before, path)}${rest}`;
}

/** `posix.join` of an absolute path, without its cost for what needs no tidying: a page may have a link every few bytes. */
function joined(before: string, path: string): string {
  const tidy = !before.endsWith('/') && !UNTIDY.test(before) && !UNTIDY.test(path);
  return tidy ? before + path : posix.join(before, path);
}
