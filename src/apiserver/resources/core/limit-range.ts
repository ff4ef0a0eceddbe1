import { canonicalQuantity, compareQuantities, quantityMilliValue, quantityValue } from '../../../api/quantity.ts';
import type { LimitRange, LimitRangeItem, ResourceList } from '../../../api/types/gen/core-v1.ts';
import {
  addErrors,
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  invalidFor,
  required,
} from '../../../api/validation/field-error.ts';
import { qualifiedName } from '../../../api/validation/names.ts';
import { limitResourceName, mayOvercommit } from '../../../api/validation/resource-names.ts';
import { defineStrategy } from '../define.ts';

const TYPES = ['Pod', 'Container', 'PersistentVolumeClaim'];

export const limitRangeStrategy = defineStrategy<LimitRange>(
  { group: '', version: 'v1', plural: 'limitranges' },
  {
    createOnUpdate: true,
    warningsOnUpdate: () => [],
    validate: range => {
      const seen = new Set<string>();
      return range.spec.limits.flatMap((limit, index) => {
        const at = `spec.limits[${index}]`;
        const errors = typeErrors(limit.type, `${at}.type`);
        if (seen.has(limit.type)) errors.push(duplicate(`${at}.type`, limit.type));
        seen.add(limit.type);
        return [...errors, ...limitErrors(limit, at)];
      });
    },
  },
);

function typeErrors(type: string, path: string): FieldError[] {
  const errors = invalidFor(path, type, qualifiedName(type));
  if (errors.length > 0 || type.includes('/') || TYPES.includes(type)) return errors;
  return [invalid(path, type, 'must be a standard limit type or fully qualified')];
}

function limitErrors(limit: LimitRangeItem, path: string): FieldError[] {
  const { max = {}, min = {}, maxLimitRequestRatio: ratios = {} } = limit;
  const isPod = limit.type === 'Pod';
  const defaults = isPod ? {} : (limit.default ?? {});
  const requests = isPod ? {} : (limit.defaultRequest ?? {});
  const nameErrors = (side: string, list: ResourceList): FieldError[] =>
    Object.keys(list).flatMap(name => limitResourceName(limit.type, name, `${path}.${side}[${name}]`));
  const errors = [...nameErrors('max', max), ...nameErrors('min', min)];
  if (isPod) {
    for (const side of ['default', 'defaultRequest'] as const)
      if (Object.keys(limit[side] ?? {}).length > 0)
        errors.push(forbidden(`${path}.${side}`, "may not be specified when `type` is 'Pod'"));
  } else addErrors(errors, nameErrors('default', defaults), nameErrors('defaultRequest', requests));
  if (limit.type === 'PersistentVolumeClaim' && max['storage'] === undefined && min['storage'] === undefined)
    errors.push(
      required(`${path}.limits`, 'either minimum or maximum storage value is required, but neither was provided'),
    );
  addErrors(errors, nameErrors('maxLimitRequestRatio', ratios));
  const names = [max, min, defaults, requests, ratios].flatMap(list => Object.keys(list));
  for (const name of new Set(names))
    addErrors(
      errors,
      orderErrors(name, path, {
        min: text(min[name]),
        max: text(max[name]),
        fallback: text(defaults[name]),
        request: text(requests[name]),
        ratio: text(ratios[name]),
      }),
    );
  return errors;
}

function text(quantity: string | undefined): string | undefined {
  return quantity === undefined ? undefined : canonicalQuantity(quantity);
}

interface Bounds {
  readonly min: string | undefined;
  readonly max: string | undefined;
  readonly fallback: string | undefined;
  readonly request: string | undefined;
  readonly ratio: string | undefined;
}

/** min <= default request <= default <= max, each pair where both are given. */
function orderErrors(name: string, path: string, bounds: Bounds): FieldError[] {
  const { min, max, fallback, request, ratio } = bounds;
  const above = (a: string | undefined, b: string | undefined): boolean =>
    a !== undefined && b !== undefined && compareQuantities(a, b) > 0;
  const errors: FieldError[] = [];
  const add = (side: string, value: string | undefined, detail: string): void => {
    errors.push(invalid(`${path}.${side}[${name}]`, value, detail));
  };
  if (above(min, max)) add('min', min, `min value ${min} is greater than max value ${max}`);
  if (above(min, request))
    add('defaultRequest', request, `min value ${min} is greater than default request value ${request}`);
  if (above(request, max))
    add('defaultRequest', request, `default request value ${request} is greater than max value ${max}`);
  if (above(request, fallback))
    add('defaultRequest', request, `default request value ${request} is greater than default limit value ${fallback}`);
  if (above(min, fallback)) add('default', min, `min value ${min} is greater than default value ${fallback}`);
  if (above(fallback, max)) add('default', max, `default value ${fallback} is greater than max value ${max}`);
  if (ratio !== undefined && compareQuantities(ratio, '1') < 0)
    add('maxLimitRequestRatio', ratio, `ratio ${ratio} is less than 1`);
  if (ratio !== undefined && min !== undefined && max !== undefined) {
    const [given, most] = ratioParts(ratio, min, max);
    if (given > most) add('maxLimitRequestRatio', ratio, `ratio ${ratio} is greater than max/min = ${goFloat(most)}`);
  }
  const exact = !mayOvercommit(name);
  if (exact && fallback !== undefined && request !== undefined && compareQuantities(fallback, request) !== 0)
    add(
      'defaultRequest',
      request,
      `default value ${fallback} must equal to defaultRequest value ${request} in ${name}`,
    );
  return errors;
}

/** Where thousandths would overflow Go's integers (MaxMilliValue). */
const MAX_MILLI_VALUE = 2 ** 63 / 1000;

/** The ratio, and the most that it may be. Upstream counts in thousandths where the numbers are small enough for that. */
function ratioParts(ratio: string, min: string, max: string): readonly [number, number] {
  const small = [ratio, min, max].every(quantity => quantityValue(quantity) < MAX_MILLI_VALUE);
  return small
    ? [quantityMilliValue(ratio) / 1000, quantityMilliValue(max) / quantityMilliValue(min)]
    : [quantityValue(ratio), quantityValue(max) / quantityValue(min)];
}

function goFloat(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  return value.toFixed(6);
}
