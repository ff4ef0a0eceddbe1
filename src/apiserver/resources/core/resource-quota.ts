import { canonicalQuantity, compareQuantities } from '../../../api/quantity.ts';
import type { ResourceQuota, ResourceQuotaSpec } from '../../../api/types/gen/core-v1.ts';
import { type FieldError, invalid, required } from '../../../api/validation/field-error.ts';
import { internalForm } from '../../../api/validation/internal-form.ts';
import { validateQuantity } from '../../../api/validation/quantity.ts';
import { isStandardQuotaResource, quotaResourceName } from '../../../api/validation/resource-names.ts';
import { AGE, columns, NAME } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';

const SCOPES = [
  'Terminating',
  'NotTerminating',
  'BestEffort',
  'NotBestEffort',
  'PriorityClass',
  'CrossNamespacePodAffinity',
  'VolumeAttributesClass',
];
/** Scopes that are there or not, and have no values. */
const EXISTING = ['Terminating', 'NotTerminating', 'BestEffort', 'NotBestEffort', 'CrossNamespacePodAffinity'];
const CONFLICTS = [
  ['BestEffort', 'NotBestEffort'],
  ['Terminating', 'NotTerminating'],
] as const;

export const resourceQuotaStrategy = defineStrategy<ResourceQuota>(
  { group: '', version: 'v1', plural: 'resourcequotas' },
  {
    validate: quota => validateSpec(quota.spec),
    warnings: quotaWarnings,
    warningsOnUpdate: () => [],
    validateUpdate: (quota, old) => {
      const sorted = (scopes: readonly string[] = []): string => [...new Set(scopes)].toSorted().join();
      const same = sorted(quota.spec.scopes) === sorted(old.spec.scopes);
      return [
        ...validateSpec(quota.spec),
        ...(same ? [] : [invalid('spec.scopes', quota.spec.scopes ?? null, 'field is immutable')]),
      ];
    },
    validateStatus: quota => [
      ...amountErrors(quota.status.hard ?? {}, 'status.hard'),
      ...amountErrors(quota.status.used ?? {}, 'status.used'),
    ],
    columns: {
      definitions: [
        NAME,
        ...columns({
          Request: 'How much is used of what may be requested, and of what is counted.',
          Limit: 'How much is used of what limits may come to.',
        }),
        AGE,
      ],
      cells: (quota, now) => {
        const { hard = {}, used = {} } = quota.status;
        const part = (limits: boolean): string =>
          Object.keys(hard)
            .filter(name => name.startsWith('limits.') === limits)
            .toSorted()
            .map(name => `${name}: ${used[name] ?? '0'}/${hard[name] ?? '0'}`)
            .join(', ');
        return [quota.metadata.name ?? '', part(false), part(true), ageCell(quota, now)];
      },
    },
  },
);

function validateSpec(spec: ResourceQuotaSpec): FieldError[] {
  return [...amountErrors(spec.hard ?? {}, 'spec.hard'), ...scopeErrors(spec), ...selectorErrors(spec)];
}

function amountErrors(list: Readonly<Record<string, string>>, path: string): FieldError[] {
  return Object.entries(list).flatMap(([name, quantity]) => [
    ...quotaResourceName(name, `${path}[${name}]`),
    ...validateQuantity(name, quantity, `${path}[${name}]`),
  ]);
}

/** True for a scope that says something about what the resource counts. */
function scopeFits(scope: string, resource: string): boolean {
  if (!SCOPES.includes(scope)) return true;
  if (scope === 'BestEffort') return resource === 'pods';
  if (scope === 'VolumeAttributesClass')
    return resource === 'persistentvolumeclaims' || resource === 'requests.storage';
  return resource === 'pods' || /^(requests\.|limits\.)?(cpu|memory)$/.test(resource);
}

/** The resources that do not go with a scope; each scope is told of once, however often somebody names it. */
function unfitOnce({ hard = {} }: ResourceQuotaSpec): (scope: string) => readonly string[] {
  const told = new Set<string>();
  let names: readonly string[] | undefined;
  return scope => {
    if (told.has(scope)) return [];
    told.add(scope);
    names ??= Object.keys(hard).filter(isStandardQuotaResource).toSorted();
    return names.filter(name => !scopeFits(scope, name));
  };
}

function scopeErrors(spec: ResourceQuotaSpec): FieldError[] {
  const scopes = spec.scopes ?? [];
  const at = 'spec.scopes';
  const unfit = unfitOnce(spec);
  return [
    ...scopes.flatMap(scope => [
      ...(SCOPES.includes(scope) ? [] : [invalid(at, scopes, 'unsupported scope')]),
      ...unfit(scope).map(() => invalid(at, scopes, 'unsupported scope applied to resource')),
    ]),
    ...conflicts(scopes, scopes, at),
  ];
}

function conflicts(scopes: readonly string[], shown: unknown, path: string): FieldError[] {
  return CONFLICTS.filter(([a, b]) => scopes.includes(a) && scopes.includes(b)).map(() =>
    invalid(path, shown, 'conflicting scopes'),
  );
}

function selectorErrors(spec: ResourceQuotaSpec): FieldError[] {
  const at = 'spec.scopeSelector.matchExpressions';
  const expressions = spec.scopeSelector?.matchExpressions ?? [];
  const unfit = unfitOnce(spec);
  const errors = expressions.flatMap(expression => {
    const { scopeName, operator, values = [] } = expression;
    const found: FieldError[] = [];
    if (!SCOPES.includes(scopeName)) found.push(invalid(`${at}.scopeName`, scopeName, 'unsupported scope'));
    for (const _ of unfit(scopeName))
      found.push(
        invalid(at, internalForm('core/v1.ScopeSelector', spec.scopeSelector), 'unsupported scope applied to resource'),
      );
    if (EXISTING.includes(scopeName) && operator !== 'Exists')
      found.push(
        invalid(
          `${at}.operator`,
          operator,
          "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity",
        ),
      );
    if (operator === 'In' || operator === 'NotIn') {
      if (values.length === 0)
        found.push(
          required(`${at}.values`, "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"),
        );
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      if (values.length > 0)
        found.push(
          invalid(
            `${at}.values`,
            values,
            "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector",
          ),
        );
    } else found.push(invalid(`${at}.operator`, operator, 'not a valid selector operator'));
    return found;
  });
  return [
    ...errors,
    ...conflicts(
      expressions.map(expression => expression.scopeName),
      spec.scopes ?? null,
      at,
    ),
  ];
}

/** Requests that could never all be limited. */
function quotaWarnings({ spec: { hard = {} } }: ResourceQuota): string[] {
  return ['cpu', 'memory', 'storage', 'ephemeral-storage'].flatMap(name => {
    const bare = (name === 'cpu' || name === 'memory') && hard[`requests.${name}`] === undefined;
    const requestName = bare ? name : `requests.${name}`;
    const [request, limit] = [hard[requestName], hard[`limits.${name}`]];
    if (request === undefined || limit === undefined || compareQuantities(request, limit) <= 0) return [];
    const shown = [request, limit].map(canonicalQuantity);
    return [`ResourceQuota ${requestName} (${shown[0]}) should be less than limits.${name} (${shown[1]})`];
  });
}
