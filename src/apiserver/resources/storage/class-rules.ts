import { type FieldError, invalid, invalidFor, required, tooLong } from '../../../api/validation/field-error.ts';
import { qualifiedName } from '../../../api/validation/names.ts';

const MAX_PARAMETERS = 512;
const MAX_PARAMETER_BYTES = 256 * 1024;

/** What makes the volumes of a class; its case does not matter. */
export function validateProvisioner(provisioner: string, path: string): FieldError[] {
  if (provisioner === '') return [required(path)];
  const name = provisioner.toLowerCase();
  return invalidFor(path, name, qualifiedName(name));
}

/** What a class says to its driver: no empty key, and not too much of it. */
export function validateParameters(parameters: Readonly<Record<string, string>>, path: string): FieldError[] {
  const entries = Object.entries(parameters);
  // The number of them is bounded in words about bytes upstream.
  if (entries.length > MAX_PARAMETERS) return [tooLong(path, MAX_PARAMETERS)];
  const bytes = entries.reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0);
  return [
    ...entries.flatMap(([key]) => (key === '' ? [invalid(path, key, 'field can not be empty.')] : [])),
    ...(bytes > MAX_PARAMETER_BYTES ? [tooLong(path, MAX_PARAMETER_BYTES)] : []),
  ];
}
