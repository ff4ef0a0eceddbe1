/**
 * Where a discovery file is, for what is printed: a path as it is, a URL without user and password and without its query, in which keys may be. Of what is no URL, though it looks like one, all up to the
 * last `@` goes, for a password may be why. Pure.
 */
export function shownLocation(location: string): string {
  const [scheme] = /^[a-z][a-z0-9+.-]*:\/*/i.exec(location) ?? [];
  if (scheme === undefined) return location;
  const user = URL.canParse(location) ? /^[^/\\?#]*@/ : /^.*@/s;
  return `${scheme}${location
    .slice(scheme.length)
    .replace(user, '')
    .replace(/[?#].*$/s, '')}`;
}
