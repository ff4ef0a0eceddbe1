/** The tag of an image reference: `latest` where neither tag nor digest is given, empty where only a digest is. */
export function imageTag(reference: string): string {
  const [name = '', digest] = reference.split('@');
  const lastPart = name.slice(name.lastIndexOf('/') + 1);
  const colon = lastPart.indexOf(':');
  if (colon >= 0) return lastPart.slice(colon + 1);
  return digest === undefined ? 'latest' : '';
}

/** Upstream's default: `Always` for the tag latest, else `IfNotPresent`. */
export function defaultPullPolicy(reference: string): 'Always' | 'IfNotPresent' {
  return imageTag(reference) === 'latest' ? 'Always' : 'IfNotPresent';
}
