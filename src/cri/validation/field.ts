import { invalidArgument } from '../../base/errors.ts';

/** What the kernel takes: a path with its NUL, one name in it (limits.h), one argument or variable with its NUL (MAX_ARG_STRLEN), a host name. */
const MAX_PATH_BYTES = 4095;
const MAX_NAME_BYTES = 255;
const MAX_ARGUMENT_BYTES = (128 << 10) - 1;

/** How much of a wrong value is repeated in the message. */
const SHOWN = 60;

/** An `invalid-argument` error that begins with the field: `config.mounts[0].host_path "x" must be absolute`. */
export function wrong(field: string, value: string | number | bigint, what: string): Error {
  return invalidArgument(`${field} ${typeof value === 'string' ? quoted(value) : value} ${what}`);
}

function quoted(text: string): string {
  return JSON.stringify(text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text);
}

/** An absolute path that the kernel takes and that leads nowhere else than it says. */
export function checkAbsolutePath(field: string, path: string): void {
  if (!path.startsWith('/')) throw wrong(field, path, 'must be an absolute path');
  checkPath(field, path);
}

/** The same for one that may be relative. */
export function checkPath(field: string, path: string): void {
  const parts = path.split('/');
  if (parts.includes('..')) throw wrong(field, path, 'may not contain ".."');
  if (Buffer.byteLength(path) > MAX_PATH_BYTES)
    throw wrong(field, path, `is longer than the ${MAX_PATH_BYTES} bytes of a path`);
  if (parts.some(part => Buffer.byteLength(part) > MAX_NAME_BYTES))
    throw wrong(field, path, `has a part that is longer than the ${MAX_NAME_BYTES} bytes of a file name`);
}

/** The longest name that the API gives to anything (a DNS subdomain, RFC 1123). */
const MAX_OBJECT_NAME = 253;

/** The name of an object, of whichever kind: it goes into environments, logs and labels of others. */
export function checkObjectName(field: string, name: string): void {
  if (name === '') throw invalidArgument(`${field} is empty`);
  if (name.length > MAX_OBJECT_NAME)
    throw wrong(field, name, `is longer than the ${MAX_OBJECT_NAME} characters of a name`);
}

/** What a program can be given as one argument or one environment variable. */
export function checkArgument(field: string, text: string): void {
  if (Buffer.byteLength(text) > MAX_ARGUMENT_BYTES)
    throw wrong(field, text, `is longer than the ${MAX_ARGUMENT_BYTES} bytes that a program can be given at once`);
}

/** A number between two others, both included. */
export function checkRange(field: string, value: number | bigint, least: number | bigint, most: number | bigint): void {
  if (value < least || value > most) throw wrong(field, value, `is not between ${least} and ${most}`);
}

/** A number that the enum has; proto3 lets any pass. `of` is the generated enum. */
export function checkEnum(field: string, value: number, of: Readonly<Record<string, string | number>>): void {
  if (typeof of[value] !== 'string') throw wrong(field, value, 'is not a value of its enum');
}

/**
 * Refuses a NUL byte anywhere in a message: whatever text ends in a path, an argument or a file of the kernel is cut off there. Names are told as the protocol
 * spells them.
 */
export function checkNoNul(field: string, value: unknown): void {
  if (typeof value === 'string') {
    if (value.includes('\0')) throw wrong(field, value, 'contains a NUL byte');
  } else if (value instanceof Uint8Array) {
    if (value.includes(0)) throw invalidArgument(`${field} contains a NUL byte`);
  } else if (Array.isArray(value)) {
    for (const [at, item] of value.entries()) checkNoNul(`${field}[${at}]`, item);
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, item] of Object.entries(value)) {
      checkNoNul(`${field}.${protoName(name)}`, item);
      if (name.includes('\0')) throw invalidArgument(`a key of ${field} contains a NUL byte`);
    }
  }
}

/** `logDirectory` is `log_directory` in the protocol. Keys of maps stay as they are where they are no such name. */
function protoName(name: string): string {
  return /^[a-z][A-Za-z0-9]*$/.test(name) ? name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`) : name;
}
