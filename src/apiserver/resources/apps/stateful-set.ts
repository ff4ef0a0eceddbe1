import { equalAs } from '../../../api/semantic-equal.ts';
import type { StatefulSet, StatefulSetSpec } from '../../../api/types/gen/apps-v1.ts';
import type { PodTemplateSpec } from '../../../api/types/gen/core-v1.ts';
import {
  addErrors,
  type FieldError,
  forbidden,
  invalid,
  invalidFor,
  notSupported,
  required,
} from '../../../api/validation/field-error.ts';
import { atMostWhole, numberIn, validateIntOrPercent } from '../../../api/validation/int-or-percent.ts';
import { dns1123Label } from '../../../api/validation/names.ts';
import { nonNegative } from '../../../api/validation/numbers.ts';
import { validateAnnotations, validateLabels } from '../../../api/validation/object-meta.ts';
import { validateAlwaysRunning, validatePodTemplate } from '../../../api/validation/pod-template.ts';
import { fractions } from '../../../api/validation/pod-warnings.ts';
import { validateClaimSpec } from '../../../api/validation/volume-claim.ts';
import { AGE, column, containerCells, NAME, POD_COLUMNS } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';
import {
  changedTemplateWarnings,
  collisionCount,
  readSelector,
  selectedErrors,
  statusCounters,
  templateWarnings,
  validateWorkloadSelector,
  withoutDisabledFields,
} from './workload.ts';

const CHANGEABLE = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
] as const;
const FIXED_TEXT =
  "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";

export const statefulSetStrategy = defineStrategy<StatefulSet>(
  { group: 'apps', version: 'v1', plural: 'statefulsets' },
  {
    // The set's name is part of its pods' host names.
    names: dns1123Label,
    generation: ['spec'],
    prepareForCreate: set => withoutMaxUnavailable(withoutDisabledFields(set), undefined),
    prepareForUpdate: (set, old) => withoutMaxUnavailable(withoutDisabledFields(set, old), old),
    initialStatus: () => ({ replicas: 0, availableReplicas: 0 }),
    validate: ({ spec }) => validateSpec(spec, { created: true, withTemplate: true }),
    validateUpdate: (set, old) => {
      const rest: Record<string, unknown> = { ...set.spec };
      for (const field of CHANGEABLE) rest[field] = old.spec[field];
      // A set that was let in by looser rules must still be changeable.
      const before = old.spec.template;
      const withTemplate = validateSpec(old.spec, { created: false, withTemplate: true, before }).length === 0;
      return [
        ...validateSpec(set.spec, { created: false, withTemplate, before }),
        ...(equalAs('apps/v1.StatefulSetSpec', rest, old.spec) ? [] : [forbidden('spec', FIXED_TEXT)]),
      ];
    },
    warnings: set => [...templateWarnings(set), ...specWarnings(set, '')],
    // Upstream's paths of claims differ in an update.
    warningsOnUpdate: (set, old) => [...changedTemplateWarnings(set, old), ...specWarnings(set, '.Spec')],
    validateStatus: (set, old) => [
      ...statusCounters(
        set.status,
        [
          'replicas',
          'readyReplicas',
          'currentReplicas',
          'updatedReplicas',
          'availableReplicas',
          'observedGeneration',
          'collisionCount',
        ],
        [
          ...['readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas'].map(
            name => [name, 'replicas', 'cannot be greater than status.replicas'] as const,
          ),
          ['availableReplicas', 'readyReplicas', 'cannot be greater than status.readyReplicas'],
        ],
      ),
      ...collisionCount(set.status, old.status),
    ],
    columns: {
      definitions: [
        NAME,
        column('Ready', { description: 'How many pods are ready, of how many there are to be.' }),
        AGE,
        ...POD_COLUMNS.slice(0, 2),
      ],
      cells: (set, now) => [
        set.metadata.name ?? '',
        `${set.status.readyReplicas ?? 0}/${set.spec.replicas ?? 0}`,
        ageCell(set, now),
        ...containerCells(set.spec.template.spec.containers),
      ],
    },
  },
);

/** Upstream keeps maxUnavailable behind a gate that is off (MaxUnavailableStatefulSet); a set that has it keeps it. */
function withoutMaxUnavailable(set: StatefulSet, old: StatefulSet | undefined): StatefulSet {
  const { updateStrategy } = set.spec;
  const { rollingUpdate } = updateStrategy;
  if (rollingUpdate === undefined || old?.spec.updateStrategy.rollingUpdate?.maxUnavailable !== undefined) return set;
  const { maxUnavailable, ...kept } = rollingUpdate;
  return { ...set, spec: { ...set.spec, updateStrategy: { ...updateStrategy, rollingUpdate: kept } } };
}

function specWarnings({ spec }: StatefulSet, claimPath: string): string[] {
  return [
    ...(spec.volumeClaimTemplates ?? []).flatMap(({ spec: { resources } }, index) => {
      const at = `spec.volumeClaimTemplates[${index}]${claimPath}.resources`;
      return [
        ...fractions(resources.requests, `${at}.requests`, ['storage']),
        ...fractions(resources.limits, `${at}.limits`, ['storage']),
      ];
    }),
    ...((spec.revisionHistoryLimit ?? 0) < 0
      ? ['spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended']
      : []),
  ];
}

/**
 * `created`: what never changes is checked too. `withTemplate`: the pod is checked, not only its labels. `before`: the
 * template that is stored, whose faults may stay.
 */
function validateSpec(
  spec: StatefulSetSpec,
  options: { readonly created: boolean; readonly withTemplate: boolean; readonly before?: PodTemplateSpec },
): FieldError[] {
  const { selector, template, serviceName = '', volumeClaimTemplates = [] } = spec;
  const errors = strategyErrors(spec);
  if (options.created)
    for (const [index, claim] of volumeClaimTemplates.entries())
      addErrors(errors, validateClaimSpec(claim.spec, `spec.volumeClaimTemplates[${index}].spec`));
  addErrors(
    errors,
    nonNegative('spec.replicas', spec.replicas),
    nonNegative('spec.minReadySeconds', spec.minReadySeconds),
    nonNegative('spec.ordinals.start', spec.ordinals?.start),
  );
  if (options.created && serviceName !== '')
    errors.push(...invalidFor('spec.serviceName', serviceName, dns1123Label(serviceName)));
  addErrors(errors, validateWorkloadSelector(selector, 'statefulset'));
  const parsed = readSelector(selector);
  if (parsed === 'unreadable') errors.push(invalid('spec.selector', selector, ''));
  else {
    addErrors(errors, selectedErrors(template, parsed));
    if (options.withTemplate) addErrors(errors, validatePodTemplate(podOf(spec), 'spec.template', options.before));
    addErrors(
      errors,
      validateLabels(template.metadata.labels, 'spec.template.labels'),
      validateAnnotations(template.metadata.annotations, 'spec.template.annotations'),
    );
  }
  return [...errors, ...validateAlwaysRunning(template, 'StatefulSet', 'spec.template')];
}

/** The pod that the controller will make: it names it, and containers may mount the claims that each pod gets. */
function podOf(spec: StatefulSetSpec): StatefulSetSpec['template'] {
  const names = new Set((spec.volumeClaimTemplates ?? []).map(claim => claim.metadata.name ?? ''));
  const { volumes = [], subdomain, hostname, ...rest } = spec.template.spec;
  return {
    ...spec.template,
    spec: {
      ...rest,
      volumes: [
        ...[...names].map(name => ({ name, persistentVolumeClaim: { claimName: name } })),
        ...volumes.filter(volume => !names.has(volume.name)),
      ],
    },
  };
}

function strategyErrors(spec: StatefulSetSpec): FieldError[] {
  const { podManagementPolicy = '', updateStrategy, persistentVolumeClaimRetentionPolicy: retention } = spec;
  const at = 'spec.updateStrategy';
  const errors: FieldError[] = [];
  if (podManagementPolicy === '') errors.push(required('spec.podManagementPolicy'));
  else if (podManagementPolicy !== 'OrderedReady' && podManagementPolicy !== 'Parallel')
    errors.push(invalid('spec.podManagementPolicy', podManagementPolicy, "must be 'OrderedReady' or 'Parallel'"));
  const rolling = updateStrategy.rollingUpdate;
  switch (updateStrategy.type) {
    case undefined:
      errors.push(required(at));
      break;
    case 'OnDelete':
      if (rolling !== undefined)
        errors.push(invalid(`${at}.rollingUpdate`, rolling, "only allowed for updateStrategy 'RollingUpdate'"));
      break;
    case 'RollingUpdate':
      errors.push(...nonNegative(`${at}.rollingUpdate.partition`, rolling?.partition));
      if (rolling?.maxUnavailable !== undefined) {
        const max = rolling.maxUnavailable;
        errors.push(...validateIntOrPercent(max, `${at}.rollingUpdate.maxUnavailable`));
        if (numberIn(max) === 0) errors.push(invalid(`${at}.rollingUpdate.maxUnavailable`, max, 'cannot be 0'));
        errors.push(...atMostWhole(max, `${at}.rollingUpdate.maxUnavailable`));
      }
      break;
    default:
      errors.push(invalid(at, updateStrategy, "must be 'RollingUpdate' or 'OnDelete'"));
  }
  for (const side of ['whenDeleted', 'whenScaled'] as const) {
    const policy = retention?.[side];
    if (retention !== undefined && policy !== 'Retain' && policy !== 'Delete')
      errors.push(
        notSupported(`spec.persistentVolumeClaimRetentionPolicy.${side}`, policy ?? '', ['Retain', 'Delete']),
      );
  }
  return errors;
}
