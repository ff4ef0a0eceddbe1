import { invalidArgument } from '../../base/errors.ts';

/** A secret of the API with the hash of what a registry was shown of it. */
export interface SecretUse {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly credentialHash: string;
}

/** Who may use an image: every pod of the node, or those that have one of these secrets. */
export interface ImageAccess {
  readonly nodePodsAccessible?: boolean;
  readonly kubernetesSecrets?: readonly SecretUse[];
}

/** Says whether a pod must show that it may use an image that is there; `name` has no tag, `pulled` is that a kubelet brought it here. */
export type VerificationPolicy = (name: string, pulled: boolean) => boolean;

/** A record is not made longer than this only because a pod with another secret came by (upstream's number). */
const MAX_SECRETS = 100;

/** The policy of a configuration. Throws for one that is none, naming the field. Pure. */
export function verificationPolicy(policy: string, allowlist: readonly string[]): VerificationPolicy {
  switch (policy) {
    case 'NeverVerify':
      return () => false;
    case 'NeverVerifyPreloadedImages':
      return (_, pulled) => pulled;
    case 'AlwaysVerify':
      return () => true;
    case 'NeverVerifyAllowlistedImages': {
      const patterns = allowlist.map(checkedPattern);
      return name => !patterns.some(p => (p.endsWith('/*') ? name.startsWith(p.slice(0, -1)) : p === name));
    }
    default:
      throw invalidArgument(`imagePullCredentialsVerificationPolicy: "${policy}" is not a policy`);
  }
}

function checkedPattern(pattern: string): string {
  const field = `preloadedImagesVerificationAllowlist: "${pattern}"`;
  const stem = pattern.endsWith('/*') ? pattern.slice(0, -2) : pattern;
  if (stem === '' || stem !== stem.trim()) throw invalidArgument(`${field} is not the name of an image or a registry`);
  if (stem.includes('*')) throw invalidArgument(`${field}: only patterns that end with /* are allowed`);
  if (stem === pattern && nameOf(pattern) !== pattern)
    throw invalidArgument(`${field}: neither tag nor digest is accepted`);
  return pattern;
}

/** The image as its pod names it, without tag and digest. */
export function nameOf(image: string): string {
  const [name = ''] = image.split('@');
  const colon = name.lastIndexOf(':');
  return colon > name.lastIndexOf('/') ? name.slice(0, colon) : name;
}

/**
 * Whether one of the secrets opens the image: what it holds was shown before, or the secret itself was and holds something else by now. `learned` is what to
 * remember of it; undefined where that is known. Pure.
 */
export function matchSecrets(
  access: ImageAccess,
  secrets: readonly SecretUse[],
): { readonly opens: boolean; readonly learned: SecretUse | undefined } {
  const known = access.kubernetesSecrets ?? [];
  const isFull = known.length >= MAX_SECRETS;
  for (const secret of secrets)
    for (const past of known) {
      const isSame = past.uid === secret.uid && past.namespace === secret.namespace && past.name === secret.name;
      if (past.credentialHash !== '' && past.credentialHash === secret.credentialHash)
        return { opens: true, learned: isSame || isFull ? undefined : secret };
      if (isSame && !isFull) return { opens: true, learned: secret };
    }
  return { opens: false, learned: undefined };
}

/** The access after a pull that a registry allowed: with a secret, or without any, and then everybody may. Pure. */
export function withAccess(before: ImageAccess | undefined, by: SecretUse | 'anybody'): ImageAccess {
  if (before?.nodePodsAccessible === true || by === 'anybody') return { nodePodsAccessible: true };
  const others = (before?.kubernetesSecrets ?? []).filter(
    s => s.uid !== by.uid || s.namespace !== by.namespace || s.name !== by.name,
  );
  const place = (s: SecretUse): string => `${s.namespace}/${s.name}/${s.uid}`;
  return { kubernetesSecrets: [...others, by].sort((a, b) => (place(a) < place(b) ? -1 : 1)) };
}
