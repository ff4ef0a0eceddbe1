import { labelSelectorOf } from '../../../api/selectors/label-selector.ts';
import { equalAs, equalValues } from '../../../api/semantic-equal.ts';
import type { Job, JobSpec, JobTemplateSpec, PodFailurePolicyRule } from '../../../api/types/gen/batch-v1.ts';
import type { PodTemplateSpec } from '../../../api/types/gen/core-v1.ts';
import { type FieldError, invalid, notSupported, required } from '../../../api/validation/field-error.ts';
import { validateLabelSelector } from '../../../api/validation/label-selector.ts';
import { nonNegative } from '../../../api/validation/numbers.ts';
import { immutable } from '../../../api/validation/object-meta-update.ts';
import { validatePodTemplate, validateTemplateLabels } from '../../../api/validation/pod-template.ts';
import { AGE, column, containerCells, humanDuration, NAME, selectorCell } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';

const UID_LABELS = ['batch.kubernetes.io/controller-uid', 'controller-uid'];
const NAME_LABELS = ['batch.kubernetes.io/job-name', 'job-name'];
const MAX_INDEXED_PARALLELISM = 100_000;

export const jobStrategy = defineStrategy<Job>(
  { group: 'batch', version: 'v1', plural: 'jobs' },
  {
    generation: ['spec'],
    prepareForCreate: withGeneratedSelector,
    validate: job => validateJob(job.spec, 'spec'),
    validateUpdate: (job, old) => [...validateJob(job.spec, 'spec'), ...changeErrors(job, old)],
    validateStatus: statusErrors,
    columns: {
      definitions: [
        NAME,
        column('Status'),
        column('Completions'),
        column('Duration'),
        AGE,
        ...['Containers', 'Images', 'Selector'].map(name => column(name, { wide: true })),
      ],
      cells: (job, now) => [
        job.metadata.name ?? '',
        statusCell(job),
        completionsCell(job),
        durationCell(job, now),
        ageCell(job, now),
        ...containerCells(job.spec.template.spec.containers),
        selectorCell(job.spec.selector),
      ],
    },
    fields: job => ({ 'status.successful': String(job.status.succeeded ?? 0) }),
  },
);

/** A job finds its pods by its own uid, unless it says that it brings a selector. */
function withGeneratedSelector(job: Job): Job {
  if (job.spec.manualSelector === true) return job;
  const { uid = '', name = '' } = job.metadata;
  const { template } = job.spec;
  const labels: Record<string, string> = { ...template.metadata.labels };
  for (const key of UID_LABELS) labels[key] ??= uid;
  for (const key of NAME_LABELS) labels[key] ??= name;
  const given = job.spec.selector ?? {};
  return {
    ...job,
    spec: {
      ...job.spec,
      selector: { ...given, matchLabels: { ...given.matchLabels, 'batch.kubernetes.io/controller-uid': uid } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  };
}

function validateJob(spec: JobSpec, path: string): FieldError[] {
  const errors = validateJobBody(spec, path);
  if (spec.selector === undefined) return [...errors, required(`${path}.selector`)];
  errors.push(...validateLabelSelector(spec.selector, `${path}.selector`));
  try {
    errors.push(...validateTemplateLabels(spec.template, labelSelectorOf(spec.selector), `${path}.template`));
  } catch {
    // The selector's own error says it.
  }
  return errors;
}

/** The job inside a cron job: its selector is made later, so it may not bring one. */
export function validateJobTemplate({ spec }: JobTemplateSpec, path: string): FieldError[] {
  const errors = validateJobBody(spec, `${path}.spec`);
  if (spec.selector !== undefined)
    errors.push(invalid(`${path}.spec.selector`, spec.selector, '`selector` will be auto-generated'));
  if (spec.manualSelector === true)
    errors.push(notSupported(`${path}.spec.manualSelector`, spec.manualSelector, ['nil', 'false']));
  return errors;
}

function validateJobBody(spec: JobSpec, path: string): FieldError[] {
  const counts = [
    'parallelism',
    'completions',
    'activeDeadlineSeconds',
    'backoffLimit',
    'ttlSecondsAfterFinished',
    'backoffLimitPerIndex',
    'maxFailedIndexes',
  ] as const;
  const errors = counts.flatMap(name => nonNegative(`${path}.${name}`, spec[name]));
  if (spec.maxFailedIndexes !== undefined && spec.backoffLimitPerIndex === undefined)
    errors.push(required(`${path}.backoffLimitPerIndex`, 'when maxFailedIndexes is specified'));
  errors.push(...indexedErrors(spec, path));
  const { podReplacementPolicy: replacement } = spec;
  const allowed = spec.podFailurePolicy === undefined ? ['Failed', 'TerminatingOrFailed'] : ['Failed'];
  if (replacement !== undefined && !allowed.includes(replacement))
    errors.push(notSupported(`${path}.podReplacementPolicy`, replacement, allowed));
  errors.push(...validatePodTemplate(spec.template, `${path}.template`));
  const restart = spec.template.spec.restartPolicy;
  const at = `${path}.template.spec.restartPolicy`;
  if (restart === 'Always') errors.push(required(at, 'valid values: "OnFailure", "Never"'));
  else if (restart !== 'OnFailure' && restart !== 'Never')
    errors.push(notSupported(at, restart ?? '', ['OnFailure', 'Never']));
  else if (spec.podFailurePolicy !== undefined && restart !== 'Never')
    errors.push(invalid(at, restart, 'only "Never" is supported when podFailurePolicy is specified'));
  const rules = spec.podFailurePolicy?.rules ?? [];
  for (const [index, rule] of rules.entries())
    errors.push(...failureRule(rule, spec, `${path}.podFailurePolicy.rules[${index}]`));
  return errors;
}

function indexedErrors(spec: JobSpec, path: string): FieldError[] {
  const { completionMode, completions, parallelism = 1, maxFailedIndexes } = spec;
  const errors: FieldError[] = [];
  if (completionMode !== undefined && completionMode !== 'NonIndexed' && completionMode !== 'Indexed')
    errors.push(notSupported(`${path}.completionMode`, completionMode, ['NonIndexed', 'Indexed']));
  if (completionMode === 'Indexed') {
    if (completions === undefined) errors.push(required(`${path}.completions`, 'when completion mode is Indexed'));
    if (parallelism > MAX_INDEXED_PARALLELISM)
      errors.push(
        invalid(
          `${path}.parallelism`,
          parallelism,
          `must be less than or equal to ${MAX_INDEXED_PARALLELISM} when completion mode is Indexed`,
        ),
      );
    if (completions !== undefined && maxFailedIndexes !== undefined && maxFailedIndexes > completions)
      errors.push(invalid(`${path}.maxFailedIndexes`, maxFailedIndexes, 'must be less than or equal to completions'));
    return errors;
  }
  for (const name of ['backoffLimitPerIndex', 'maxFailedIndexes', 'successPolicy'] as const)
    if (spec[name] !== undefined)
      errors.push(invalid(`${path}.${name}`, spec[name], 'requires indexed completion mode'));
  return errors;
}

function failureRule(rule: PodFailurePolicyRule, spec: JobSpec, path: string): FieldError[] {
  const actions = ['Count', 'FailIndex', 'FailJob', 'Ignore'];
  const errors: FieldError[] = [];
  if (!actions.includes(rule.action)) errors.push(notSupported(`${path}.action`, rule.action, actions));
  else if (rule.action === 'FailIndex' && spec.backoffLimitPerIndex === undefined)
    errors.push(invalid(`${path}.action`, rule.action, 'requires the backoffLimitPerIndex to be set'));
  const conditions = rule.onPodConditions ?? [];
  const codes = rule.onExitCodes;
  if (codes !== undefined && conditions.length > 0)
    errors.push(invalid(path, undefined, 'specifying both OnExitCodes and OnPodConditions is not supported'));
  if (codes === undefined && conditions.length === 0)
    errors.push(invalid(path, undefined, 'specifying one of OnExitCodes and OnPodConditions is required'));
  if (codes === undefined) return errors;
  const at = `${path}.onExitCodes`;
  if (codes.values.length === 0) errors.push(invalid(`${at}.values`, codes.values, 'at least one value is required'));
  if (!['In', 'NotIn'].includes(codes.operator))
    errors.push(notSupported(`${at}.operator`, codes.operator, ['In', 'NotIn']));
  for (const [index, value] of codes.values.entries())
    if (value === 0 && codes.operator === 'In')
      errors.push(invalid(`${at}.values[${index}]`, value, 'must not be 0 for the In operator'));
  const { initContainers = [], containers } = spec.template.spec;
  const names = [...initContainers, ...containers].map(container => container.name);
  if (codes.containerName !== undefined && !names.includes(codes.containerName))
    errors.push(
      invalid(
        `${at}.containerName`,
        codes.containerName,
        'must be one of the container or initContainer names in the pod template',
      ),
    );
  return errors;
}

function changeErrors(job: Job, old: Job): FieldError[] {
  const errors: FieldError[] = [];
  if (!equalValues(job.spec.completions, old.spec.completions)) {
    const elastic = job.spec.completionMode === 'Indexed' && job.spec.completions !== undefined;
    if (!elastic || old.spec.completions === undefined)
      errors.push(...immutable('spec.completions', job.spec.completions, old.spec.completions));
    else if (job.spec.completions !== job.spec.parallelism)
      errors.push(
        invalid('spec.completions', job.spec.completions, 'can only be modified in tandem with spec.parallelism'),
      );
  }
  errors.push(...immutable('spec.selector', job.spec.selector, old.spec.selector));
  const template = job.spec.template;
  const kept =
    old.spec.suspend === true && (old.status.startTime === undefined || !isRunning(old))
      ? withScheduling(template, old.spec.template)
      : template;
  if (!equalAs('core/v1.PodTemplateSpec', kept, old.spec.template))
    errors.push(invalid('spec.template', template, 'field is immutable'));
  for (const name of [
    'completionMode',
    'podFailurePolicy',
    'backoffLimitPerIndex',
    'managedBy',
    'successPolicy',
  ] as const)
    errors.push(...immutable(`spec.${name}`, job.spec[name], old.spec[name]));
  return errors;
}

function isRunning(job: Job): boolean {
  return (job.status.active ?? 0) > 0;
}

/** While a job is suspended, where its pods may run and what they ask for may be set: queueing systems do that. */
function withScheduling(template: PodTemplateSpec, old: PodTemplateSpec): PodTemplateSpec {
  const { nodeSelector, tolerations, schedulingGates, affinity, containers, initContainers } = old.spec;
  const resources = (list: typeof initContainers, before: typeof initContainers) =>
    list?.map((container, index) => ({ ...container, resources: before?.[index]?.resources ?? container.resources }));
  return {
    ...template,
    metadata: { ...template.metadata, annotations: old.metadata.annotations, labels: old.metadata.labels },
    spec: {
      ...template.spec,
      nodeSelector,
      tolerations,
      schedulingGates,
      affinity: { ...template.spec.affinity, ...affinity },
      containers: resources(template.spec.containers, containers) ?? [],
      initContainers: resources(template.spec.initContainers, initContainers),
      ...(affinity === undefined ? { affinity: undefined } : {}),
    },
  };
}

function hasCondition(job: Job, type: string): boolean {
  return job.status.conditions?.some(condition => condition.type === type && condition.status === 'True') === true;
}

function statusErrors(job: Job, old: Job): FieldError[] {
  const at = 'status.conditions';
  const counts = ['active', 'succeeded', 'failed', 'ready', 'terminating'] as const;
  const errors = counts.flatMap(name => nonNegative(`status.${name}`, job.status[name]));
  if (hasCondition(job, 'Complete') && hasCondition(job, 'Failed'))
    errors.push(invalid(at, undefined, 'cannot set Complete=True and Failed=true conditions'));
  for (const type of ['Failed', 'Complete'])
    if (hasCondition(old, type) && !hasCondition(job, type))
      errors.push(invalid(at, undefined, `cannot disable the terminal ${type}=True condition`));
  const finished = hasCondition(job, 'Complete') || hasCondition(job, 'Failed');
  if (job.status.completionTime !== undefined && !hasCondition(job, 'Complete'))
    errors.push(
      invalid(
        'status.completionTime',
        job.status.completionTime,
        'cannot set completionTime when there is no Complete=True condition',
      ),
    );
  if (hasCondition(job, 'Complete') && job.status.completionTime === undefined)
    errors.push(required('status.completionTime', 'completionTime is required for Complete jobs'));
  if (finished && (job.status.active ?? 0) > 0)
    errors.push(invalid('status.active', job.status.active, 'active>0 is invalid for finished job'));
  if (finished && job.status.startTime === undefined)
    errors.push(required('status.startTime', 'startTime is required for finished job'));
  return errors;
}

function statusCell(job: Job): string {
  if (hasCondition(job, 'Complete')) return 'Complete';
  if (hasCondition(job, 'Failed')) return 'Failed';
  if (job.metadata.deletionTimestamp !== undefined) return 'Terminating';
  return ['Suspended', 'FailureTarget', 'SuccessCriteriaMet'].find(type => hasCondition(job, type)) ?? 'Running';
}

function completionsCell({ spec, status }: Job): string {
  const done = status.succeeded ?? 0;
  if (spec.completions !== undefined) return `${done}/${spec.completions}`;
  const parallelism = spec.parallelism ?? 0;
  return parallelism > 1 ? `${done}/1 of ${parallelism}` : `${done}/1`;
}

function durationCell({ status }: Job, now: number): string {
  if (status.startTime === undefined) return '';
  const end = status.completionTime === undefined ? now : Date.parse(status.completionTime);
  return humanDuration(end - Date.parse(status.startTime));
}
