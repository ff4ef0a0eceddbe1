import { CNI_ERROR, CniError } from './error.ts';

/** A JSON object whose fields have not been looked at. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Parses an object; throws the CNI decode error, which names `what`. */
export function parseJsonObject(text: string, what: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text) as unknown;
  } catch (error) {
    throw new CniError(CNI_ERROR.decode, `${what} is not JSON: ${(error as Error).message}`);
  }
  if (!isObject(value)) throw new CniError(CNI_ERROR.decode, `${what} is not a JSON object`);
  return value;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The same value with the first letter of every key small, at all depths. Programs in Go take keys of any case, and containerd passes run-time values as `HostPort`, `IngressRate` and
 * `Subnet`. A key that is there in both spellings keeps the small one.
 */
export function smallKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(smallKeys);
  if (!isObject(value)) return value;
  const entries = Object.entries(value).map(([key, inner]) => [key, smallKeys(inner)] as const);
  const small = entries.map(([key, inner]) => [key.slice(0, 1).toLowerCase() + key.slice(1), inner] as const);
  const exact = entries.filter(([key]) => /^[a-z]/.test(key));
  return Object.fromEntries([...small, ...exact]);
}

/** Typed access to an object's fields; a wrong type is an invalid configuration whose message holds the field and the value. */
export class Fields {
  readonly #object: JsonObject;
  readonly #path: string;

  constructor(object: JsonObject, path = '') {
    this.#object = object;
    this.#path = path;
  }

  string(name: string): string | undefined {
    return this.#typed(name, 'a string', (value): value is string => typeof value === 'string');
  }

  boolean(name: string): boolean | undefined {
    return this.#typed(name, 'true or false', (value): value is boolean => typeof value === 'boolean');
  }

  integer(name: string, least: number, most: number): number | undefined {
    const inRange = (value: unknown): value is number =>
      Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
    return this.#typed(name, `a whole number from ${least} to ${most}`, inRange);
  }

  strings(name: string): readonly string[] | undefined {
    const all = (value: unknown): value is readonly string[] =>
      Array.isArray(value) && value.every(item => typeof item === 'string');
    return this.#typed(name, 'a list of strings', all);
  }

  list(name: string): readonly unknown[] | undefined {
    return this.#typed(name, 'a list', (value): value is readonly unknown[] => Array.isArray(value));
  }

  object(name: string): JsonObject | undefined {
    return this.#typed(name, 'an object', isObject);
  }

  /** The fields of a nested object, those of an empty one when it is missing. */
  nested(name: string): Fields {
    return new Fields(this.object(name) ?? {}, `${this.#path}${name}.`);
  }

  #typed<T>(name: string, expected: string, is: (value: unknown) => value is T): T | undefined {
    const value = this.#object[name];
    if (value === undefined || value === null) return undefined;
    if (is(value)) return value;
    throw new CniError(
      CNI_ERROR.invalidConfig,
      `field ${this.#path}${name} must be ${expected}, not ${JSON.stringify(value)}`,
    );
  }
}
