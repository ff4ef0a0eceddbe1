import type { Secret } from '../../api/types/gen/core-v1.ts';
import { errorMessage, failedPrecondition } from '../../base/errors.ts';
import { sha256Hex } from '../../base/hash.ts';
import { placesFor, registryPlace } from '../../base/registry-places.ts';
import type { SecretUse } from './pull-access.ts';

/** What a registry is shown. */
export interface RegistryCredential {
  readonly username: string;
  readonly password: string;
  /** Where it is from. */
  readonly secret: SecretUse;
}

/** Credentials by what they are for: `host[:port][/path]`, where the host may have wild cards. */
export type Keyring = ReadonlyMap<string, readonly RegistryCredential[]>;

/** The credentials of image pull secrets; secrets of other types have none. Throws for one that cannot be read, naming it. Pure. */
export function keyringOf(secrets: readonly Secret[]): Keyring {
  const keyring = new Map<string, RegistryCredential[]>();
  for (const secret of secrets)
    for (const [place, entry] of entriesOf(secret)) {
      const key = registryPlace(place);
      const login = readEntry(secret, place, entry);
      const credential = { ...login, secret: useOf(secret, login) };
      keyring.set(key, [...(keyring.get(key) ?? []), credential]);
    }
  return keyring;
}

/**
 * What may be shown for an image, to be tried in this order: the more of the image's name a place has, the earlier. Several are fine: that is how they
 * are changed without a gap. `repository` is the image's full name without tag and digest. Pure.
 */
export function credentialsFor(keyring: Keyring, repository: string): readonly RegistryCredential[] {
  return placesFor(keyring.keys(), repository).flatMap(place => keyring.get(place) ?? []);
}

type Login = Pick<RegistryCredential, 'username' | 'password'>;

interface Entry {
  readonly username?: unknown;
  readonly password?: unknown;
  readonly auth?: unknown;
}

function entriesOf(secret: Secret): readonly (readonly [string, Entry])[] {
  const isJson = secret.type === 'kubernetes.io/dockerconfigjson';
  if (!isJson && secret.type !== 'kubernetes.io/dockercfg') return [];
  const base64 = secret.data?.[isJson ? '.dockerconfigjson' : '.dockercfg'] ?? '';
  if (base64 === '') return [];
  try {
    const parsed = JSON.parse(Buffer.from(base64, 'base64').toString('utf8')) as unknown;
    const entries = isJson ? (parsed as { auths?: unknown } | null)?.auths : parsed;
    return Object.entries((entries ?? {}) as { [place: string]: Entry | null }).map(([k, v]) => [k, v ?? {}] as const);
  } catch (error) {
    throw failedPrecondition(`image pull secret "${secret.metadata.name}" cannot be read: ${errorMessage(error)}`);
  }
}

/** The hash is of what upstream hashes, in its order. */
function useOf({ metadata }: Secret, login: Login): SecretUse {
  const { uid = '', namespace = '', name = '' } = metadata;
  const shown = Object.fromEntries(Object.entries(login).filter(([, value]) => value !== ''));
  return { uid, namespace, name, credentialHash: sha256Hex(JSON.stringify(shown)) };
}

function readEntry(secret: Secret, place: string, { username, password, auth }: Entry): Login {
  if (typeof auth !== 'string' || auth === '') return { username: textOf(username), password: textOf(password) };
  const decoded = Buffer.from(auth, 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  if (colon < 0)
    throw failedPrecondition(
      `image pull secret "${secret.metadata.name}": auth of "${place}" is not base64 of username:password`,
    );
  return { username: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
