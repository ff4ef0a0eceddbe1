import { type FieldError, invalidFor, required, tooLong } from '../../../api/validation/field-error.ts';
import { dns1123Subdomain } from '../../../api/validation/names.ts';

const MAX_BYTES = 63;

/** The name of a CSI driver: a DNS name in any case. */
export function validateCsiDriverName(name: string, path: string): FieldError[] {
  if (name === '') return [required(path)];
  return [
    ...(Buffer.byteLength(name) > MAX_BYTES ? [tooLong(path, MAX_BYTES)] : []),
    ...invalidFor(path, name, dns1123Subdomain(name.toLowerCase())),
  ];
}
