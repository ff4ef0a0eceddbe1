import { parseJson } from '../../../api/decode/json/decode-json.ts';
import type { Secret } from '../../../api/types/gen/core-v1.ts';
import { type FieldError, invalid, invalidFor, required, tooLong } from '../../../api/validation/field-error.ts';
import { configMapKey } from '../../../api/validation/names.ts';
import { immutable } from '../../../api/validation/object-meta-update.ts';
import { errorMessage } from '../../../base/errors.ts';
import { AGE, columns, NAME } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';
import { base64Bytes, immutableData, MAX_DATA_BYTES } from './config-map.ts';
import { keyPairFault } from './key-pair.ts';

const SERVICE_ACCOUNT_NAME = 'kubernetes.io/service-account.name';

export const secretStrategy = defineStrategy<Secret>(
  { group: '', version: 'v1', plural: 'secrets' },
  {
    // stringData is for writing only: what it holds becomes data.
    prepareForCreate: mergeStringData,
    prepareForUpdate: (secret, old) => {
      const merged = mergeStringData(secret);
      return (merged.type ?? '') === '' ? { ...merged, type: old.type } : merged;
    },
    validate: validateSecret,
    validateUpdate: (secret, old) => [
      ...immutable('type', secret.type, old.type),
      ...immutableData(secret, old, ['data']),
      ...validateSecret(secret),
    ],
    warnings: tlsWarnings,
    columns: {
      definitions: [NAME, ...columns({ Type: 'What kind of secret it is.', Data: 'How many values it holds.' }), AGE],
      cells: (secret, now) => [
        secret.metadata.name ?? '',
        secret.type ?? '',
        Object.keys(secret.data ?? {}).length,
        ageCell(secret, now),
      ],
    },
    fields: secret => ({ type: secret.type ?? '' }),
  },
);

function mergeStringData(secret: Secret): Secret {
  const { stringData, ...rest } = secret;
  if (stringData === undefined) return secret;
  const data = { ...rest.data };
  for (const [key, value] of Object.entries(stringData)) data[key] = Buffer.from(value).toString('base64');
  return { ...rest, data };
}

function validateSecret(secret: Secret): FieldError[] {
  const data = secret.data ?? {};
  const errors = Object.keys(data).flatMap(key => invalidFor(`data[${key}]`, key, configMapKey(key)));
  const bytes = Object.values(data).reduce((sum, value) => sum + base64Bytes(value), 0);
  if (bytes > MAX_DATA_BYTES) errors.push(tooLong('data', MAX_DATA_BYTES));
  const has = (key: string): boolean => Object.hasOwn(data, key);
  const need = (key: string): FieldError[] => (has(key) ? [] : [required(`data[${key}]`)]);
  switch (secret.type) {
    case 'kubernetes.io/service-account-token':
      if ((secret.metadata.annotations?.[SERVICE_ACCOUNT_NAME] ?? '') === '')
        errors.push(required(`metadata.annotations[${SERVICE_ACCOUNT_NAME}]`));
      break;
    case 'kubernetes.io/dockercfg':
      errors.push(...jsonObject(data, '.dockercfg'));
      break;
    case 'kubernetes.io/dockerconfigjson':
      errors.push(...jsonObject(data, '.dockerconfigjson'));
      break;
    case 'kubernetes.io/basic-auth':
      if (!has('username') && !has('password')) errors.push(...need('username'), ...need('password'));
      break;
    case 'kubernetes.io/ssh-auth':
      if ((data['ssh-privatekey'] ?? '') === '') errors.push(required('data[ssh-privatekey]'));
      break;
    case 'kubernetes.io/tls':
      errors.push(...need('tls.crt'), ...need('tls.key'));
      break;
  }
  return errors;
}

function jsonObject(data: Readonly<Record<string, string>>, key: string): FieldError[] {
  const value = Object.hasOwn(data, key) ? data[key] : undefined;
  if (value === undefined) return [required(`data[${key}]`)];
  const reason = noObject(Buffer.from(value, 'base64').toString());
  return reason === undefined ? [] : [invalid(`data[${key}]`, '<secret contents redacted>', reason)];
}

/** Why a text is no JSON object, in Go's words; undefined where it is one, or null. */
function noObject(text: string): string | undefined {
  try {
    const parsed = parseJson(text);
    if (typeof parsed === 'object' && !Array.isArray(parsed)) return undefined;
    const kind = Array.isArray(parsed) ? 'array' : typeof parsed === 'boolean' ? 'bool' : typeof parsed;
    return `json: cannot unmarshal ${kind} into Go value of type map[string]interface {}`;
  } catch (error) {
    return errorMessage(error);
  }
}

/** A certificate that its key does not fit is stored all the same. */
function tlsWarnings({ type, data = {} }: Secret): string[] {
  if (type !== 'kubernetes.io/tls') return [];
  const text = (key: string): string => Buffer.from(data[key] ?? '', 'base64').toString('latin1');
  const fault = keyPairFault(text('tls.crt'), text('tls.key'));
  return fault === undefined ? [] : [fault];
}
