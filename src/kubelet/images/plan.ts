import type { PullPolicy } from '../../api/types/gen/core-v1.ts';

/** What to do about an image, by the pull policy of its container and whether it is on the node. */
export type ImageStep = 'use' | 'pull' | 'refuse';

export function planImage(policy: PullPolicy, present: boolean): ImageStep {
  if (policy === 'Always') return 'pull';
  if (present) return 'use';
  return policy === 'Never' ? 'refuse' : 'pull';
}

const COMPONENT = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const HOST_LABEL = '[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?';
const HOST = `(?:${HOST_LABEL}(?:\\.${HOST_LABEL})*|\\[[0-9a-fA-F:]+\\])(?::[0-9]+)?`;
const REFERENCE = new RegExp(
  `^((?:${HOST}/)?${COMPONENT}(?:/${COMPONENT})*)(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[0-9a-fA-F]{32,})?$`,
);

/** The reference to ask the runtime for: with `:latest` where neither tag nor digest is given. Undefined for what is no reference. */
export function imageReference(image: string): string | undefined {
  const match = REFERENCE.exec(image);
  if (match === null) return undefined;
  return match[2] === undefined && match[3] === undefined ? `${image}:latest` : image;
}

/** The full name of an image's repository, registry included: what credentials are for. */
export function repositoryOf(reference: string): string {
  const name = REFERENCE.exec(reference)?.[1] ?? reference;
  const [first = '', ...rest] = name.split('/');
  const hasRegistry = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase());
  if (!hasRegistry) return `docker.io/${rest.length === 0 ? 'library/' : ''}${name}`;
  if (first !== 'index.docker.io' && first !== 'docker.io') return name;
  return `docker.io/${rest.length === 1 ? 'library/' : ''}${rest.join('/')}`;
}

/** Upstream's reason and text for a pull that failed, read from the runtime's message where it gives a reason. */
export function pullFailure(image: string, message: string): { readonly reason: string; readonly message: string } {
  for (const [reason, why] of RUNTIME_REASONS)
    if (message.startsWith(reason))
      return { reason, message: `image pull failed for ${image} because ${why}${message.slice(reason.length)}` };
  return { reason: 'ErrImagePull', message: `failed to pull image "${image}": ${message}` };
}

/** A duration in milliseconds as Go prints it: `83ms`, `1.5s`, `1m2.25s`. */
export function goDurationMs(ms: number): string {
  const whole = Math.floor(ms);
  if (whole < 1_000) return whole === 0 ? '0s' : `${whole}ms`;
  const minutes = Math.floor(whole / 60_000);
  const seconds = `${(whole % 60_000) / 1_000}s`;
  if (minutes === 0) return seconds;
  return minutes < 60 ? `${minutes}m${seconds}` : `${Math.floor(minutes / 60)}h${minutes % 60}m${seconds}`;
}

const RUNTIME_REASONS = [
  ['RegistryUnavailable', 'the registry is unavailable'],
  ['SignatureValidationFailed', 'the signature validation failed'],
] as const;
