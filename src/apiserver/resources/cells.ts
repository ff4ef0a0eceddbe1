import { humanDuration } from '../../api/human-duration.ts';
import { labelSelectorOf } from '../../api/selectors/label-selector.ts';
import type { Container } from '../../api/types/gen/core-v1.ts';
import type { LabelSelector, TableColumnDefinition } from '../../api/types/gen/meta-v1.ts';

interface ColumnOptions {
  readonly type?: 'string' | 'integer' | 'boolean' | 'date';
  readonly wide?: boolean;
  readonly format?: string;
  /** What the column says, for `kubectl get -o json` of a table and programs that show it as a hint. */
  readonly description?: string;
}

/** A column. The types that upstream gives; `priority` 1 is shown with `-o wide` alone. */
export function column(name: string, options: ColumnOptions = {}): TableColumnDefinition {
  return {
    name,
    type: options.type ?? 'string',
    format: options.format ?? '',
    description: options.description ?? '',
    priority: options.wide === true ? 1 : 0,
  };
}

/** Columns that differ in name and description alone. */
export function columns(
  descriptions: Readonly<Record<string, string>>,
  options: Omit<ColumnOptions, 'description'> = {},
): TableColumnDefinition[] {
  return Object.entries(descriptions).map(([name, description]) => column(name, { ...options, description }));
}

export const NAME = column('Name', {
  format: 'name',
  description: 'The name of the object, by which it is found in its namespace or, where it is in none, in the cluster.',
});
export const AGE = column('Age', { description: 'How long ago the server created the object.' });
/** What the pods of a workload are made of and found by. */
export const POD_COLUMNS = columns(
  {
    Containers: 'The names of the containers in the pod template.',
    Images: 'The images of the containers in the pod template.',
    Selector: 'The labels by which the pods are found.',
  },
  { wide: true },
);

/** The time since a timestamp, or `<unknown>` where there is none. */
export function since(time: string | undefined, now: number): string {
  return time === undefined ? '<unknown>' : humanDuration(now - Date.parse(time));
}

/** Names and images of containers, as the wide columns show them. */
export function containerCells(containers: readonly Container[]): readonly [string, string] {
  return [containers.map(c => c.name).join(','), containers.map(c => c.image ?? '').join(',')];
}

/** `a=1,b=2`, or `<none>`. */
export function labelsCell(labels: Readonly<Record<string, string>> | undefined): string {
  const text = Object.entries(labels ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .toSorted()
    .join(',');
  return text === '' ? '<none>' : text;
}

/** A selector as text. An absent and an empty one are `<none>`, one that cannot be read is `<error>`. */
export function selectorCell(selector: LabelSelector | undefined): string {
  const text = selectorText(selector);
  return text === undefined ? '<error>' : text === '' ? '<none>' : text;
}

/** The text of a selector; undefined where it cannot be read. */
export function selectorText(selector: LabelSelector | undefined): string | undefined {
  try {
    return labelSelectorOf(selector)?.toString() ?? '';
  } catch {
    return undefined;
  }
}

/** `a,b,c + 2 more...`. */
export function firstOf(list: readonly string[], max: number, separator = ','): string {
  const shown = list.slice(0, max).join(separator);
  return list.length > max ? `${shown} + ${list.length - max} more...` : shown;
}
