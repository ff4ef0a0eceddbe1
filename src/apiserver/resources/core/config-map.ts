import { isDeepStrictEqual } from 'node:util';
import type { ConfigMap } from '../../../api/types/gen/core-v1.ts';
import { type FieldError, forbidden, invalid, invalidFor, tooLong } from '../../../api/validation/field-error.ts';
import { configMapKey } from '../../../api/validation/names.ts';
import { AGE, column, NAME } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';

/** All values of a ConfigMap or Secret together: 1 MiB (MaxSecretSize upstream). */
export const MAX_DATA_BYTES = 1024 * 1024;

export const configMapStrategy = defineStrategy<ConfigMap>(
  { group: '', version: 'v1', plural: 'configmaps' },
  {
    validate: validateConfigMap,
    validateUpdate: (map, old) => [...immutableData(map, old, ['data', 'binaryData']), ...validateConfigMap(map)],
    columns: {
      definitions: [NAME, column('Data', { description: 'How many values it holds.' }), AGE],
      cells: (map, now) => [
        map.metadata.name ?? '',
        Object.keys(map.data ?? {}).length + Object.keys(map.binaryData ?? {}).length,
        ageCell(map, now),
      ],
    },
  },
);

function validateConfigMap(map: ConfigMap): FieldError[] {
  const { data = {}, binaryData = {} } = map;
  const errors: FieldError[] = [];
  let bytes = 0;
  for (const [key, value] of Object.entries(data)) {
    errors.push(...invalidFor(`data[${key}]`, key, configMapKey(key)));
    if (Object.hasOwn(binaryData, key))
      errors.push(invalid(`data[${key}]`, key, 'duplicate of key present in binaryData'));
    bytes += Buffer.byteLength(value);
  }
  for (const [key, value] of Object.entries(binaryData)) {
    errors.push(...invalidFor(`binaryData[${key}]`, key, configMapKey(key)));
    bytes += base64Bytes(value);
  }
  return bytes > MAX_DATA_BYTES ? [...errors, tooLong('[]', MAX_DATA_BYTES)] : errors;
}

/** The rules of `immutable: true`: neither it nor the data may change any more. */
export function immutableData<T extends { readonly immutable?: boolean | undefined }>(
  object: T,
  old: T,
  fields: readonly (keyof T & string)[],
): FieldError[] {
  if (old.immutable !== true) return [];
  const detail = 'field is immutable when `immutable` is set';
  return [
    ...(object.immutable === true ? [] : [forbidden('immutable', detail)]),
    // Nothing and an empty map are two things here, as upstream compares them.
    ...fields.filter(field => !isDeepStrictEqual(object[field], old[field])).map(field => forbidden(field, detail)),
  ];
}

/** The number of bytes that a base64 text stands for. */
export function base64Bytes(text: string): number {
  return Math.floor((text.length * 3) / 4) - (text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0);
}
