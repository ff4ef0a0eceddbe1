import { REDACTED } from './redacted.ts';
import { redactText } from './text.ts';

/** What a user of a kubeconfig may keep: places of files, which are no secrets. */
const KEPT_OF_USERS = new Set(['client-certificate', 'client-key', 'tokenFile']);
const KEPT_OF_CLUSTERS = new Set([
  'server',
  'tls-server-name',
  'insecure-skip-tls-verify',
  'certificate-authority',
  'certificate-authority-data',
  'disable-compression',
  'proxy-url',
]);
const KEPT_OF_CONTEXTS = new Set(['cluster', 'user', 'namespace']);

/**
 * What is known to be harmless in a kubeconfig: of clusters their servers and CAs, of contexts what they name, of users the paths of their files. Everything else, and what is no kubeconfig, is taken
 * out. Pure.
 */
export function redactKubeconfig(document: unknown): unknown {
  if (!isObject(document)) return document === undefined || document === null ? document : REDACTED;
  return Object.fromEntries(
    Object.entries(document).map(([key, value]) => {
      if (key === 'kind' || key === 'apiVersion' || key === 'current-context')
        return [key, typeof value === 'string' ? redactText(value) : REDACTED];
      if (key === 'clusters') return [key, entries(value, 'cluster', KEPT_OF_CLUSTERS)];
      if (key === 'contexts') return [key, entries(value, 'context', KEPT_OF_CONTEXTS)];
      if (key === 'users') return [key, entries(value, 'user', KEPT_OF_USERS)];
      return [redactText(key), REDACTED];
    }),
  );
}

/** A list of named objects, each with these fields alone. */
function entries(list: unknown, field: string, kept: ReadonlySet<string>): unknown {
  if (!Array.isArray(list)) return REDACTED;
  return list.map(entry => {
    if (!isObject(entry)) return REDACTED;
    const { name, [field]: inner } = entry;
    return {
      name: typeof name === 'string' ? redactText(name) : REDACTED,
      [field]: isObject(inner)
        ? Object.fromEntries(
            Object.entries(inner).map(([key, value]) => [
              redactText(key),
              kept.has(key) ? shown(key, value) : REDACTED,
            ]),
          )
        : REDACTED,
    };
  });
}

/** An address may have credentials before its last @, with a scheme or without. */
function shown(key: string, value: unknown): unknown {
  if (typeof value === 'boolean') return value;
  if (typeof value !== 'string') return REDACTED;
  if (key !== 'server' && key !== 'proxy-url') return redactText(value);
  const at = value.lastIndexOf('@');
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(value)?.[0] ?? '';
  return redactText(at < 0 ? value : `${scheme}${REDACTED}${value.slice(at)}`);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
}
