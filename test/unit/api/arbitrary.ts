import type { Field, StructType, Type } from '../../../src/api/schema/table.ts';

const TEXTS = ['', 'a', 'nginx:1.25', 'ünï©ode 世界 🦆', '__proto__', 'constructor', 'x'.repeat(300)];
const NUMBERS = [0, 1, -1, 127, 128, 65_535, 2 ** 31 - 1, -(2 ** 31)];

/**
 * A random object of a type, by the table: what JSON of a client may hold. `random` gives numbers from 0 to 1, so a seed
 * tells the object.
 */
export function arbitraryObject(type: StructType, random: () => number, depth = 0): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (const field of type.json.values())
    if (random() < (depth > 4 ? 0.05 : 0.4)) object[field.name] = arbitraryField(field, random, depth);
  return object;
}

function arbitraryField(field: Field, random: () => number, depth: number): unknown {
  return arbitraryValue(field.type, random, depth);
}

function pick<T>(values: readonly T[], random: () => number): T {
  return values[Math.floor(random() * values.length)] as T;
}

function arbitraryValue(type: Type, random: () => number, depth: number): unknown {
  switch (type.kind) {
    case 'struct':
      return arbitraryObject(type, random, depth + 1);
    case 'list':
      return Array.from({ length: Math.floor(random() * 3) }, () => arbitraryValue(type.of, random, depth + 1));
    case 'map':
      return Object.fromEntries(
        Array.from({ length: Math.floor(random() * 3) }, () => [
          pick(TEXTS, random),
          arbitraryValue(type.of, random, depth + 1),
        ]),
      );
    case 'scalar':
      switch (type.scalar) {
        case 'string':
          return pick(TEXTS, random);
        case 'bool':
          return random() < 0.5;
        case 'int32':
          return pick(NUMBERS, random);
        case 'int64':
          return pick([...NUMBERS, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER], random);
        case 'uint32':
          return pick([0, 1, 2 ** 32 - 1], random);
        case 'float64':
          return pick([0, 1.5, -3, 1e300], random);
        case 'bytes':
          return Buffer.from(pick(TEXTS, random)).toString('base64');
        case 'Quantity':
          return pick(['0', '100m', '1.5Gi', '1e3', '0.1', '-5'], random);
        case 'IntOrString':
          return pick([0, 80, -1, 'http', '25%', ''], random);
        case 'Time':
          return pick([null, '2026-01-02T03:04:05Z', '1969-12-31T23:59:59Z', '2026-01-02T03:04:05+02:00'], random);
        case 'MicroTime':
          return pick([null, '2026-01-02T03:04:05.000001Z', '1969-12-31T23:59:59.999999Z'], random);
        case 'Duration':
        case 'DurationOrNanoseconds':
          return pick(['0s', '1m30s', '100ms', '-1h'], random);
        default:
          return pick([{ a: [1, 'x', null, { b: true }] }, [], 'text', 5], random);
      }
  }
}
