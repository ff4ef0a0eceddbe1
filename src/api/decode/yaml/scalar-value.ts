import { SourceError, type SourceNode } from '../source.ts';
import { resolvePlain } from '../yaml-scalars.ts';
import type { YamlScalar } from './parser.ts';
import { YamlError } from './yaml-error.ts';

const PREFIX = 'tag:yaml.org,2002:';
/** Tags that say what a scalar has to be. */
const DEMANDING = new Set(['int', 'float', 'bool', 'null', 'timestamp'].map(name => PREFIX + name));
const TIMESTAMP = /^\d{4}-\d{1,2}-\d{1,2}(?:[Tt ]\d{1,2}:\d{1,2}:\d{1,2}(?:\.\d{1,9})?(?:Z|[-+]\d{2}:\d{2})?)?$/;

/** What a scalar is worth. Throws SourceError for a number that JSON does not have, and for what is not what its tag says. */
export function scalarValue({ text, isPlain, tag, at: offset }: YamlScalar): SourceNode {
  if (tag === `${PREFIX}binary`) return { kind: 'scalar', offset, value: Buffer.from(text, 'base64').toString('utf8') };
  // A tag of someone's own says nothing here; upstream takes the text.
  if (tag === '' ? !isPlain : !DEMANDING.has(tag)) return { kind: 'scalar', offset, value: text };
  const resolved = resolvePlain(text);
  if (tag !== '') refuseOther(resolved, text, tag.slice(PREFIX.length), offset);
  if (resolved === null) return { kind: 'null', offset };
  if (typeof resolved === 'number' && !Number.isFinite(resolved))
    throw new SourceError(`json: unsupported value: ${goFloat(resolved)}`, offset);
  return typeof resolved === 'object'
    ? { kind: 'scalar', offset, value: resolved.value, source: resolved.source }
    : { kind: 'scalar', offset, value: resolved };
}

function goFloat(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  return value > 0 ? '+Inf' : '-Inf';
}

function refuseOther(resolved: ReturnType<typeof resolvePlain>, text: string, wanted: string, offset: number): void {
  const found = kindOf(resolved, text, wanted);
  if (found !== wanted && !(found === 'int' && wanted === 'float'))
    throw new YamlError(`cannot decode !!${found} \`${text}\` as a !!${wanted}`, offset);
}

function kindOf(resolved: ReturnType<typeof resolvePlain>, text: string, wanted: string): string {
  if (resolved === null) return 'null';
  if (typeof resolved === 'boolean') return 'bool';
  if (typeof resolved === 'number') return 'float';
  if (typeof resolved === 'object')
    return Number.isInteger(Number(resolved.source)) && !/[.eE]/.test(text) ? 'int' : 'float';
  return wanted === 'timestamp' && TIMESTAMP.test(text) ? 'timestamp' : 'str';
}
