import { type FieldError, invalid, invalidFor, required, tooLong } from '../../../api/validation/field-error.ts';
import { dns1123Label, dns1123Subdomain, labelValue, qualifiedName } from '../../../api/validation/names.ts';
import { csiDriverErrors } from '../../../api/validation/volume-plugins.ts';

/** The names of the API of devices. Each function returns the errors of a name at a path. */

const MAX_POOL_BYTES = 253;
const MAX_ID_BYTES = 32;
const IDENTIFIER = '[A-Za-z_][A-Za-z0-9_]*';
const IDENTIFIER_MATCHER = new RegExp(`^${IDENTIFIER}$`);
const IDENTIFIER_TEXT = `a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is '${IDENTIFIER}')`;

/** A driver of devices is named as one of volumes is. */
export const validateDriverName = csiDriverErrors;

/** Devices, requests and counters. */
export function validateLabelName(name: string, path: string): FieldError[] {
  return invalidFor(path, name, dns1123Label(name));
}

export function validatePoolName(name: string, path: string): FieldError[] {
  if (name === '') return [required(path)];
  return [
    ...(Buffer.byteLength(name) > MAX_POOL_BYTES ? [tooLong(path, MAX_POOL_BYTES)] : []),
    ...name.split('/').flatMap(part => invalidFor(path, part, dns1123Subdomain(part))),
  ];
}

/** `[domain/]identifier`, as attributes and capacities are named. */
export function validateDeviceKey(name: string, path: string): FieldError[] {
  const [first = '', second, ...more] = name.split('/');
  // Upstream says nothing of a name with two slashes.
  if (more.length > 0) return [];
  if (second === undefined) return identifierErrors(first, path);
  return [
    ...(first === '' ? [invalid(path, '', 'the domain must not be empty')] : validateDriverName(first, path)),
    ...(second === '' ? [invalid(path, '', 'the name must not be empty')] : identifierErrors(second, path)),
  ];
}

export function validateFullDeviceKey(name: string, path: string): FieldError[] {
  return [
    ...validateDeviceKey(name, path),
    ...(name.includes('/')
      ? []
      : [invalid(path, name, 'a fully qualified name must be a domain and a name separated by a slash')]),
  ];
}

function identifierErrors(name: string, path: string): FieldError[] {
  return [
    ...(Buffer.byteLength(name) > MAX_ID_BYTES ? [tooLong(path, MAX_ID_BYTES)] : []),
    ...(IDENTIFIER_MATCHER.test(name) ? [] : [invalid(path, name, IDENTIFIER_TEXT)]),
  ];
}

/** True for a resource that a device may stand for in a pod's requests: it has a domain, and not Kubernetes' own. */
export function isExtendedResource(name: string): boolean {
  if (!name.includes('/') || name.includes('kubernetes.io/') || name.startsWith('requests.')) return false;
  return qualifiedName(`requests.${name}`).length === 0;
}

export function validateLabelKey(key: string, path: string): FieldError[] {
  return invalidFor(path, key, qualifiedName(key));
}

export function validateLabelValue(value: string, path: string): FieldError[] {
  return invalidFor(path, value, labelValue(value));
}

const HEX = '[0-9a-fA-F]';
const UUID = new RegExp(`^${HEX}{8}-${HEX}{4}-${HEX}{4}-${HEX}{4}-${HEX}{12}$`);

/** The uid of a share of a device. */
export function validateShareId(uid: string, path: string): FieldError[] {
  // Other spellings than the plain one are read, and refused for being others.
  const plain = uid.replace(/^urn:uuid:/i, '').replace(/^\{(.*)\}$/, '$1');
  const spelled = uid.length === 32 ? /^[0-9a-fA-F]{32}$/.test(uid) : UUID.test(plain);
  if (!spelled) {
    const lengths = [32, 36, 38, 45];
    const length = Buffer.byteLength(uid);
    const problem = lengths.includes(length) ? 'invalid UUID format' : `invalid UUID length: ${length}`;
    return [invalid(path, uid, `error validating uid: ${problem}`)];
  }
  return uid.length === 36 && uid === uid.toLowerCase()
    ? []
    : [
        invalid(
          path,
          uid,
          'uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase hexadecimal characters',
        ),
      ];
}
