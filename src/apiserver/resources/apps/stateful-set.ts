import { equalAs } from '../../../api/semantic-equal.ts';
import type { StatefulSet, StatefulSetSpec } from '../../../api/types/gen/apps-v1.ts';
import {
  type FieldError,
  forbidden,
  invalid,
  invalidFor,
  notSupported,
  required,
} from '../../../api/validation/field-error.ts';
import { atMostWhole, validateIntOrPercent } from '../../../api/validation/int-or-percent.ts';
import { dns1123Label, dns1123Subdomain } from '../../../api/validation/names.ts';
import { nonNegative } from '../../../api/validation/numbers.ts';
import {
  validateAlwaysRunning,
  validatePodTemplate,
  validateTemplateLabels,
} from '../../../api/validation/pod-template.ts';
import { AGE, column, containerCells, NAME } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';
import { collisionCount, statusCounters, workloadSelector } from './workload.ts';

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
    initialStatus: () => ({ replicas: 0, availableReplicas: 0 }),
    validate: validateStatefulSet,
    validateUpdate: (set, old) => {
      const rest: Record<string, unknown> = { ...set.spec };
      for (const field of CHANGEABLE) rest[field] = old.spec[field];
      return [
        ...validateStatefulSet(set).filter(error => error.field !== 'spec.serviceName'),
        ...(equalAs('apps/v1.StatefulSetSpec', rest, old.spec) ? [] : [forbidden('spec', FIXED_TEXT)]),
      ];
    },
    validateStatus: (set, old) => [
      ...statusCounters(
        set.status,
        ['replicas', 'readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas', 'observedGeneration'],
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
      definitions: [NAME, column('Ready'), AGE, column('Containers', { wide: true }), column('Images', { wide: true })],
      cells: (set, now) => [
        set.metadata.name ?? '',
        `${set.status.readyReplicas ?? 0}/${set.spec.replicas ?? 0}`,
        ageCell(set, now),
        ...containerCells(set.spec.template.spec.containers),
      ],
    },
  },
);

function validateStatefulSet({ spec }: StatefulSet): FieldError[] {
  const selector = workloadSelector(spec.selector, 'statefulset');
  return [
    ...strategyErrors(spec),
    ...nonNegative('spec.replicas', spec.replicas),
    ...nonNegative('spec.minReadySeconds', spec.minReadySeconds),
    ...nonNegative('spec.ordinals.start', spec.ordinals?.start),
    ...(spec.serviceName === ''
      ? []
      : invalidFor('spec.serviceName', spec.serviceName, dns1123Subdomain(spec.serviceName))),
    ...selector.errors,
    ...validateTemplateLabels(spec.template, selector.parsed, 'spec.template'),
    ...validatePodTemplate(withClaims(spec), 'spec.template'),
    ...validateAlwaysRunning(spec.template, 'StatefulSet', 'spec.template'),
  ];
}

/** Containers may mount the claims that each pod gets. */
function withClaims(spec: StatefulSetSpec): StatefulSetSpec['template'] {
  const { volumes = [] } = spec.template.spec;
  const claims = (spec.volumeClaimTemplates ?? [])
    .map(claim => claim.metadata.name ?? '')
    .filter(name => !volumes.some(volume => volume.name === name))
    .map(name => ({ name, persistentVolumeClaim: { claimName: name } }));
  return { ...spec.template, spec: { ...spec.template.spec, volumes: [...volumes, ...claims] } };
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
        errors.push(
          ...validateIntOrPercent(max, `${at}.rollingUpdate.maxUnavailable`),
          ...atMostWhole(max, `${at}.rollingUpdate.maxUnavailable`),
        );
        if (max === 0 || max === '0%') errors.push(invalid(`${at}.rollingUpdate.maxUnavailable`, max, 'cannot be 0'));
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
