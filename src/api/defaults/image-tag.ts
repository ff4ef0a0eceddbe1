/** The tag of an image reference: `latest` where neither tag nor digest is given, empty where only a digest is. */
export function imageTag(reference: string): string {
  const [name = '', digest] = reference.split('@');
  const lastPart = name.slice(name.lastIndexOf('/') + 1);
  const colon = lastPart.indexOf(':');
  if (colon >= 0) return lastPart.slice(colon + 1);
  return digest === undefined ? 'latest' : '';
}

const COMPONENT = '[a-z0-9]+(?:(?:[.]|_|__|-+)[a-z0-9]+)*';
const PATH = new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`);
const HOST =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/;
/** Longer references are read by nobody, and would only cost time. */
const MAX_REFERENCE = 4096;

/** True for a reference that names an image: a host perhaps, a path in small letters, a tag or digest perhaps. */
function isReference(reference: string): boolean {
  if (reference.length > MAX_REFERENCE || /^[0-9a-f]{64}$/.test(reference)) return false;
  const [name = '', digest, ...more] = reference.split('@');
  if (more.length > 0 || (digest !== undefined && !DIGEST.test(digest))) return false;
  const colon = name.indexOf(':', name.lastIndexOf('/') + 1);
  if (colon >= 0 && !TAG.test(name.slice(colon + 1))) return false;
  const plain = colon >= 0 ? name.slice(0, colon) : name;
  const slash = plain.indexOf('/');
  const host = plain.slice(0, Math.max(slash, 0));
  const isHost = host !== '' && (/[.:]/.test(host) || host === 'localhost' || host.toLowerCase() !== host);
  return isHost ? HOST.test(host) && PATH.test(plain.slice(slash + 1)) : PATH.test(plain);
}

/** Upstream's default: `Always` for the tag latest, else `IfNotPresent`, for what is no reference too. */
export function defaultPullPolicy(reference: string): 'Always' | 'IfNotPresent' {
  return isReference(reference) && imageTag(reference) === 'latest' ? 'Always' : 'IfNotPresent';
}
