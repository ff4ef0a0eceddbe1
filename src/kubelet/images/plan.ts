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

/** Upstream's reasons for a pull that failed, read from the runtime's message where it gives one. */
export function pullFailureReason(message: string): string {
  if (/^RegistryUnavailable/.test(message)) return 'RegistryUnavailable';
  if (/^SignatureValidationFailed/.test(message)) return 'SignatureValidationFailed';
  return 'ErrImagePull';
}
