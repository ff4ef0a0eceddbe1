import type { PodSpec, TopologySpreadConstraint } from '../types/gen/core-v1.ts';
import { duplicate, type FieldError, invalid, notSupported, required } from './field-error.ts';
import { validateLabelKeys, validateUnmergedLabelKeys } from './label-keys.ts';
import { validateLabelSelector } from './label-selector.ts';
import type { Kept } from './pod-options.ts';

const ACTIONS = ['DoNotSchedule', 'ScheduleAnyway'];
const NODE_POLICIES = ['Honor', 'Ignore'];

/** How evenly pods are spread. One constraint a topology key and action. */
export function validateTopologySpread(
  constraints: readonly TopologySpreadConstraint[] | undefined,
  kept: Kept,
  path: string,
): FieldError[] {
  const identityOf = ({ topologyKey, whenUnsatisfiable }: TopologySpreadConstraint): string =>
    JSON.stringify([topologyKey, whenUnsatisfiable]);
  const last = new Map((constraints ?? []).map((constraint, index) => [identityOf(constraint), index]));
  return (constraints ?? []).flatMap((constraint, index) => {
    const { topologyKey, whenUnsatisfiable, labelSelector, matchLabelKeys } = constraint;
    const at = `${path}[${index}]`;
    // all but the last of those that are the same
    const repeated = last.get(identityOf(constraint)) !== index;
    return [
      ...positive(constraint.maxSkew, `${at}.maxSkew`),
      ...(topologyKey === '' ? [required(`${at}.topologyKey`, 'can not be empty')] : []),
      ...(ACTIONS.includes(whenUnsatisfiable)
        ? []
        : [notSupported(`${at}.whenUnsatisfiable`, whenUnsatisfiable, ACTIONS)]),
      ...(repeated
        ? [duplicate(`${at}.{topologyKey, whenUnsatisfiable}`, `{${topologyKey}, ${whenUnsatisfiable}}`)]
        : []),
      ...minDomainErrors(constraint, `${at}.minDomains`),
      ...policyErrors(constraint.nodeAffinityPolicy, `${at}.nodeAffinityPolicy`),
      ...policyErrors(constraint.nodeTaintsPolicy, `${at}.nodeTaintsPolicy`),
      ...(kept.spreadLabelKeys
        ? validateUnmergedLabelKeys(matchLabelKeys, labelSelector, `${at}.matchLabelKeys`)
        : validateLabelKeys(matchLabelKeys, undefined, labelSelector, at)),
      ...(kept.spreadSelectors ? [] : validateLabelSelector(labelSelector, `${at}.labelSelector`)),
    ];
  });
}

function positive(value: number, path: string): FieldError[] {
  return value <= 0 ? [invalid(path, value, 'must be greater than zero')] : [];
}

function minDomainErrors({ minDomains, whenUnsatisfiable }: TopologySpreadConstraint, path: string): FieldError[] {
  if (minDomains === undefined) return [];
  const detail = `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable}`;
  return [
    ...positive(minDomains, path),
    ...(whenUnsatisfiable === 'DoNotSchedule' ? [] : [invalid(path, minDomains, detail)]),
  ];
}

function policyErrors(policy: string | undefined, path: string): FieldError[] {
  return policy === undefined || NODE_POLICIES.includes(policy) ? [] : [notSupported(path, policy, NODE_POLICIES)];
}

/** True where a stored pod has a constraint whose selector would be refused today. */
export function hasInvalidSpreadSelector(spec: PodSpec): boolean {
  return (spec.topologySpreadConstraints ?? []).some(
    constraint => validateLabelSelector(constraint.labelSelector, '').length > 0,
  );
}

/** True where a stored pod has label keys that would be refused today. */
export function hasInvalidSpreadLabelKeys(spec: PodSpec): boolean {
  return (spec.topologySpreadConstraints ?? []).some(
    ({ matchLabelKeys, labelSelector }) => validateLabelKeys(matchLabelKeys, undefined, labelSelector, '').length > 0,
  );
}
