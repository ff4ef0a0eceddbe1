import type { PodDisruptionBudget } from '../../../api/types/gen/policy-v1.ts';
import { validateConditions } from '../../../api/validation/conditions.ts';
import { addErrors, type FieldError, invalid, notSupported } from '../../../api/validation/field-error.ts';
import { atMostWhole, validateIntOrPercent } from '../../../api/validation/int-or-percent.ts';
import { validateLabelSelector } from '../../../api/validation/label-selector.ts';
import { nonNegative } from '../../../api/validation/numbers.ts';
import { AGE, column, columns, NAME } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';

export const podDisruptionBudgetStrategy = defineStrategy<PodDisruptionBudget>(
  { group: 'policy', version: 'v1', plural: 'poddisruptionbudgets' },
  {
    generation: ['spec'],
    unconditionalUpdate: false,
    initialStatus: () => ({ disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 }),
    validate: budget => validateBudget(budget, false),
    validateUpdate: (budget, old) => validateBudget(budget, validateLabelSelector(old.spec.selector, '').length > 0),
    validateStatus: ({ status }) => [
      ...validateConditions(status.conditions, 'status.conditions'),
      ...(['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods'] as const).flatMap(name =>
        nonNegative(`status.${name}`, status[name]),
      ),
    ],
    columns: {
      definitions: [
        NAME,
        ...columns({
          'Min Available': 'How many pods must stay available.',
          'Max Unavailable': 'How many pods may be unavailable at once.',
        }),
        column('Allowed Disruptions', { type: 'integer', description: 'How many pods may be evicted now.' }),
        AGE,
      ],
      cells: (budget, now) => [
        budget.metadata.name ?? '',
        String(budget.spec.minAvailable ?? 'N/A'),
        String(budget.spec.maxUnavailable ?? 'N/A'),
        budget.status.disruptionsAllowed,
        ageCell(budget, now),
      ],
    },
  },
);

/** `anyValue`: its selector may have values that no label has, as one that is stored may. */
function validateBudget({ spec }: PodDisruptionBudget, anyValue: boolean): FieldError[] {
  const errors: FieldError[] = [];
  if (spec.minAvailable !== undefined && spec.maxUnavailable !== undefined)
    errors.push(invalid('spec', spec, 'minAvailable and maxUnavailable cannot be both set'));
  for (const name of ['minAvailable', 'maxUnavailable'] as const) {
    const value = spec[name];
    if (value !== undefined)
      errors.push(...validateIntOrPercent(value, `spec.${name}`), ...atMostWhole(value, `spec.${name}`));
  }
  addErrors(errors, validateLabelSelector(spec.selector, 'spec.selector', { anyValue }));
  const policies = ['AlwaysAllow', 'IfHealthyBudget'];
  const policy = spec.unhealthyPodEvictionPolicy;
  if (policy !== undefined && !policies.includes(policy))
    errors.push(notSupported('spec.unhealthyPodEvictionPolicy', policy, policies));
  return errors;
}
