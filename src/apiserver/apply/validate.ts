import { goQuote } from '../../api/go-quote.ts';
import { goValueText } from '../patch/go-value.ts';
import { isJsonObject } from '../patch/json-value.ts';
import { elementText } from './path-element.ts';
import type { ListShape, MapShape, ScalarShape, Shape } from './shape.ts';
import { atomOf, entryShape, listElement } from './walk.ts';

/** One thing that is wrong with an applied object, and where: `.spec.containers[name="web"]`. */
interface ShapeError {
  readonly path: string;
  readonly problem: string;
}

/** Elements that come twice are right in what is stored, and wrong in what is applied. */
export type Duplicates = 'allowed' | 'refused';

/** What is wrong with an object of a shape, as upstream puts it into one text; undefined where nothing is. */
export function shapeProblem(shape: Shape, value: unknown, duplicates: Duplicates): string | undefined {
  const errors = check(shape, value, duplicates);
  const lines = errors.map(({ path, problem }) => (path === '' ? problem : `${path}: ${problem}`));
  if (lines.length <= 1) return lines[0];
  return ['errors:', ...lines.map(line => `  ${line}`)].join('\n');
}

function check(shape: Shape, value: unknown, duplicates: Duplicates): readonly ShapeError[] {
  const atom = atomOf(shape, value);
  if (value === null) return NONE;
  switch (atom.kind) {
    case 'scalar':
      return checkScalar(atom, value);
    case 'list':
      return checkList(atom, value, duplicates);
    case 'map':
      return checkMap(atom, value, duplicates);
  }
}

const NONE: readonly ShapeError[] = [];

function one(problem: string): readonly ShapeError[] {
  return [{ path: '', problem }];
}

/** One by one: a call takes fewer arguments than a list may have errors. */
function addBelow(errors: ShapeError[], step: string, found: readonly ShapeError[]): void {
  for (const { path, problem } of found) errors.push({ path: step + path, problem });
}

function checkScalar({ scalar }: ScalarShape, value: unknown): readonly ShapeError[] {
  switch (scalar) {
    case 'numeric':
      return typeof value === 'number' ? NONE : one(`expected numeric (int or float), got ${goTypeOf(value)}`);
    case 'string':
      return typeof value === 'string'
        ? NONE
        : one(`expected string, got &value.valueUnstructured{Value:${goSyntax(value)}}`);
    case 'boolean':
      return typeof value === 'boolean' ? NONE : one(`expected boolean, got ${boxed(value)}`);
    case 'untyped':
      return typeof value === 'object' ? one(`expected any scalar, got ${boxed(value)}`) : NONE;
  }
}

function checkMap(map: MapShape, value: unknown, duplicates: Duplicates): readonly ShapeError[] {
  if (!isJsonObject(value)) return one(`expected map, got ${boxed(value)}`);
  const errors: ShapeError[] = [];
  for (const [name, item] of Object.entries(value)) {
    const shape = entryShape(map, name);
    if (shape === undefined) return [...errors, { path: `.${name}`, problem: 'field not declared in schema' }];
    const found = check(shape, item, duplicates);
    addBelow(errors, `.${name}`, found);
  }
  return errors;
}

function checkList(list: ListShape, value: unknown, duplicates: Duplicates): readonly ShapeError[] {
  if (!Array.isArray(value)) return one(`expected list, got ${boxed(value)}`);
  const errors: ShapeError[] = [];
  const seen = new Set<string>();
  for (const [i, item] of value.entries()) {
    let step = `[${i}]`;
    if (!list.atomic) {
      const element = listElement(list, item);
      // nothing below it can be told apart
      if ('problem' in element) return [...errors, ...one(`element ${i}: ${element.problem}`)];
      step = elementText(element);
      if (seen.has(element.text) && duplicates === 'refused') errors.push(...one(`duplicate entries for key ${step}`));
      seen.add(element.text);
    }
    const found = check(list.of, item, duplicates);
    addBelow(errors, step, found);
  }
  return errors;
}

/** As Go prints a value that it has by a pointer. */
function boxed(value: unknown): string {
  return `&{${goValueText(value)}}`;
}

function goTypeOf(value: unknown): string {
  if (typeof value === 'string') return 'string';
  if (typeof value === 'boolean') return 'bool';
  return Array.isArray(value) ? '[]interface {}' : 'map[string]interface {}';
}

/** As Go would write the value in a program. */
function goSyntax(value: unknown): string {
  if (typeof value === 'string') return goQuote(value);
  if (Array.isArray(value)) return `[]interface {}{${value.map(goSyntax).join(', ')}}`;
  if (!isJsonObject(value)) return value === null ? 'interface {}(nil)' : goValueText(value);
  const members = Object.keys(value)
    .toSorted()
    .map(name => `${goQuote(name)}:${goSyntax(value[name])}`);
  return `map[string]interface {}{${members.join(', ')}}`;
}
