import { posix } from 'node:path';
import type { RequestInfo } from '../request-info.ts';

/** The path behind `…/proxy`, decoded, without `..` and double slashes. Empty where there is nothing, not even a slash. Pure. */
export function proxiedPath({ parts, path }: Pick<RequestInfo, 'parts' | 'path'>): string {
  let rest = parts.slice(3).join('/');
  if (rest !== '') rest = `/${rest}`;
  if (path.endsWith('/')) rest += '/';
  return rest === '' ? '' : posix.normalize(rest);
}

/** A path as it stands in a request line, escaped where Go escapes it. Pure. */
export function escapedPath(path: string): string {
  return encodeURI(path).replace(/[!'()*?#]/g, char => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** What of the path of a request stands before the proxied one: links of the backend get it in front. Pure. */
export function pathBefore(requestPath: string, proxied: string): string {
  return requestPath.endsWith(proxied) ? requestPath.slice(0, requestPath.length - proxied.length) : requestPath;
}

/** The query of a request line with its question mark, as it was sent. Pure. */
export function queryOf(url: string): string {
  const mark = url.indexOf('?');
  return mark < 0 ? '' : url.slice(mark);
}
