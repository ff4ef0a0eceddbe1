import { builtinTable } from '../schema/builtin.ts';
import { scalarRule } from '../schema/scalars.ts';
import type { Field, Type } from '../schema/table.ts';

/** Names that Go spells otherwise than with a capital at their beginning. */
const GO_NAMES = new Map([
  ['ip', 'IP'],
  ['uid', 'UID'],
  ['apiVersion', 'APIVersion'],
  ['seLinuxOptions', 'SELinuxOptions'],
  ['gmsaCredentialSpecName', 'GMSACredentialSpecName'],
  ['gmsaCredentialSpec', 'GMSACredentialSpec'],
]);

/**
 * A struct as upstream's messages show it. They print its internal types, which have no JSON names: every field stands there
 * under its Go name, the empty ones as well. `typeId` names the type (`core/v1.Taint`).
 */
export function internalForm(typeId: string, value: unknown): unknown {
  return form(builtinTable.type(typeId), value);
}

/** A map as Go prints it: by its keys in order, and null where there is none. */
export function mapForm(map: Readonly<Record<string, unknown>> | undefined): unknown {
  if (map === undefined) return null;
  return Object.fromEntries(Object.entries(map).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function form(type: Type, value: unknown): unknown {
  switch (type.kind) {
    case 'struct': {
      const from = new Map(Object.entries((value ?? {}) as object));
      return Object.fromEntries(
        [...type.json.values()].map(field => [goName(field), member(field, from.get(field.name))]),
      );
    }
    case 'list':
      return Array.isArray(value) ? value.map(item => form(type.of, item)) : null;
    case 'map':
      return value === undefined
        ? null
        : mapForm(Object.fromEntries(Object.entries(value as object).map(([key, item]) => [key, form(type.of, item)])));
    case 'scalar':
      return value ?? scalarRule(type.scalar).zero ?? null;
  }
}

function member(field: Field, value: unknown): unknown {
  return field.pointer && value === undefined ? null : form(field.type, value);
}

function goName({ name }: Field): string {
  return GO_NAMES.get(name) ?? name.charAt(0).toUpperCase() + name.slice(1);
}
