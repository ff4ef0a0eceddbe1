import { decodeValue } from '../../../../src/api/decode/json/decode-json.ts';
import { withResourceDefaults } from '../../../../src/api/defaults/resources.ts';
import { loadPackages } from '../../../../src/api/schema/packages.ts';
import { findResource, resourceType } from '../../../../src/api/schema/resources/registry.ts';
import { fieldErrorText } from '../../../../src/api/validation/field-error.ts';
import { userInfo } from '../../../../src/apiserver/authn/user.ts';
import { strategyFor } from '../../../../src/apiserver/resources/strategies.ts';
import type { ApiObject, ResourceStrategy, StrategyContext } from '../../../../src/apiserver/resources/strategy.ts';

await loadPackages();

export const CONTEXT: StrategyContext = {
  now: '2026-01-02T03:04:05Z',
  user: userInfo('alice', ['dev']),
  newUid: () => 'uid-1',
  randomSuffix: () => 'abcde',
  warn: () => undefined,
};

/** Values by path (`spec.rules.0.host`); undefined takes the field away. */
export type Changes = Readonly<Record<string, unknown>>;

/** Asks a kind's strategy what the server would say to objects that differ from a good one in a few places. */
export class Judge {
  readonly strategy: ResourceStrategy;
  readonly #base: object;

  constructor(group: string, plural: string, base: object, version = 'v1') {
    const resource = findResource(group, version, plural);
    if (resource === undefined) throw new Error(`no resource ${plural} in ${group}/${version}`);
    this.strategy = strategyFor(resource);
    this.#base = base;
  }

  /** The object as a handler has it: decoded, with its defaults. */
  object(changes: Changes = {}, metadata: object = {}): ApiObject {
    const { resource } = this.strategy;
    const namespace = resource.scope === 'namespaced' ? { namespace: 'default' } : {};
    const raw = structuredClone({ metadata: { name: 'web', ...namespace, ...metadata }, ...this.#base });
    for (const [path, value] of Object.entries(changes)) put(raw, path.split('.'), value);
    return withResourceDefaults(resource, decodeValue(resourceType(resource), raw).object as unknown as ApiObject);
  }

  /** What a POST makes of it. */
  prepared(changes: Changes = {}): ApiObject {
    return this.strategy.prepareForCreate(this.object(changes), CONTEXT);
  }

  /** The errors of a POST, as lines. */
  created(changes: Changes = {}): string[] {
    return this.strategy.validate(this.prepared(changes), CONTEXT).map(fieldErrorText);
  }

  /** What the client of a POST is told beside. */
  warned(changes: Changes = {}): string[] {
    return this.strategy.warnings(this.prepared(changes));
  }

  /** What a PUT, of the object or of a subresource, makes of `changes` where `before` is stored. */
  replaced(
    changes: Changes,
    before: Changes = {},
    subresource = '',
  ): { object: ApiObject; errors: string[]; warnings: string[] } {
    const rules = subresource === '' ? this.strategy : this.strategy.subresources.get(subresource);
    if (rules === undefined) throw new Error(`no subresource ${subresource}`);
    const stored = { resourceVersion: '5', uid: 'uid-1', creationTimestamp: CONTEXT.now, generation: 1 };
    const old = this.object(before, stored);
    const object = rules.prepareForUpdate(this.object({ ...before, ...changes }, stored), old, CONTEXT);
    return {
      object,
      errors: rules.validateUpdate(object, old, CONTEXT).map(fieldErrorText),
      warnings: rules.warningsOnUpdate(object, old),
    };
  }

  /** The errors of that PUT. */
  changed(changes: Changes, before: Changes = {}, subresource = ''): string[] {
    return this.replaced(changes, before, subresource).errors;
  }

  /** The cells of a row by the names of their columns. */
  row(changes: Changes = {}, now = Date.parse(CONTEXT.now)): Record<string, unknown> {
    const { columns } = this.strategy;
    const cells = columns.cells(this.object(changes, { creationTimestamp: '2026-01-02T03:03:05Z' }), now);
    return Object.fromEntries(columns.definitions.map((definition, i) => [definition.name, cells[i]]));
  }
}

function put(target: unknown, path: readonly string[], value: unknown): void {
  const [key = '', ...rest] = path;
  const holder = target as Record<string, unknown>;
  if (rest.length === 0) {
    if (value === undefined) delete holder[key];
    else holder[key] = structuredClone(value);
    return;
  }
  holder[key] ??= /^\d+$/.test(rest[0] ?? '') ? [] : {};
  put(holder[key], rest, value);
}
