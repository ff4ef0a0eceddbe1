/** How the registry without a name is called in files of credentials. */
const DEFAULT_REGISTRY = 'index.docker.io';

/** A place of a file of credentials without its scheme; `/v1/` and `/v2/` stand for the whole registry. */
export function registryPlace(place: string): string {
  const [host, path] = splitHost(place.replace(/^https?:\/\//, ''));
  const effective = /^\/v[12]\//.test(path) ? path.slice(3) : path;
  return effective === '/' ? host : `${host}${effective}`;
}

/**
 * Those of `places` (`host[:port][/path]`, where the labels of the host may have wild cards) that are for a repository, by its full name (registry
 * included) without tag and digest; the more of the name a place has, the earlier. That of Docker's registry is for all its repositories, as the kubelet has
 * it. Upstream takes every host without dot and colon for Docker's too: by full names that would show its login to `localhost`. Pure.
 */
export function placesFor(places: Iterable<string>, repository: string): readonly string[] {
  const all = [...places];
  const found = all
    .filter(place => isFor(place, repository))
    .sort()
    .reverse();
  if (found.length > 0 || !isInDefaultRegistry(repository)) return found;
  return all.filter(place => place === DEFAULT_REGISTRY);
}

function isFor(place: string, repository: string): boolean {
  const [placeHost, placePath] = splitHost(place);
  const [host, path] = splitHost(repository);
  const [placeName, placePort] = splitPort(placeHost);
  const [name, port] = splitPort(host);
  if (placePort !== port || !path.startsWith(placePath)) return false;
  const wanted = placeName.split('.');
  const labels = name.split('.');
  return wanted.length === labels.length && wanted.every((glob, i) => matchesGlob(glob, labels[i] ?? ''));
}

function splitHost(text: string): readonly [string, string] {
  const slash = text.indexOf('/');
  return slash < 0 ? [text, ''] : [text.slice(0, slash), text.slice(slash)];
}

function splitPort(host: string): readonly [string, string] {
  const colon = host.lastIndexOf(':');
  return colon < 0 || host.endsWith(']') ? [host, ''] : [host.slice(0, colon), host.slice(colon + 1)];
}

/** `*` and `?` of one label, without a regular expression: the glob is a stranger's, and a bad one must not cost time. */
function matchesGlob(glob: string, text: string): boolean {
  let g = 0;
  let star = -1;
  let mark = 0;
  for (let t = 0; t < text.length; ) {
    if (glob[g] === '*') {
      star = g++;
      mark = t;
    } else if (g < glob.length && (glob[g] === '?' || glob[g] === text[t])) {
      g += 1;
      t += 1;
    } else if (star >= 0) {
      g = star + 1;
      t = ++mark;
    } else return false;
  }
  while (glob[g] === '*') g += 1;
  return g === glob.length;
}

function isInDefaultRegistry(repository: string): boolean {
  const [host] = splitHost(repository);
  return host === 'docker.io' || host === DEFAULT_REGISTRY;
}
