/** The path and query of a request's target, as `IncomingMessage.url` has it; undefined for one that is no URL. Never throws: anybody may send anything. */
export function requestUrl(target = '/'): URL | undefined {
  // a target that begins with `//` names no host, as it would in a link
  const url = target.startsWith('/') ? `http://localhost${target}` : target;
  return URL.canParse(url) ? new URL(url) : undefined;
}
