import { humanDuration } from '../../../api/human-duration.ts';
import { labelSelectorOf } from '../../../api/selectors/label-selector.ts';
import type { Job } from '../../../api/types/gen/batch-v1.ts';
import { type FieldError, invalid, required } from '../../../api/validation/field-error.ts';
import { dns1123Label } from '../../../api/validation/names.ts';
import { podNameWarnings, withoutDisabledFields } from '../apps/workload.ts';
import { AGE, columns, containerCells, NAME, POD_COLUMNS, selectorCell } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';
import { jobSpecWarnings, validateJobSpec } from './job-spec.ts';
import { hasCondition, validateJobStatus } from './job-status.ts';
import { jobChangeErrors } from './job-update.ts';

const UID_LABEL = 'batch.kubernetes.io/controller-uid';
const NAME_LABEL = 'batch.kubernetes.io/job-name';
/** The same without a prefix: older, and still set beside them. */
const OLD_UID_LABEL = 'controller-uid';
const OLD_NAME_LABEL = 'job-name';

export const jobStrategy = defineStrategy<Job>(
  { group: 'batch', version: 'v1', plural: 'jobs' },
  {
    generation: ['spec'],
    dependents: 'orphan',
    orphanWarning:
      'child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning',
    prepareForCreate: job => withGeneratedSelector(withoutDisabledFields(job)),
    prepareForUpdate: withoutDisabledFields,
    validate: job => validateJob(job, true, undefined),
    validateUpdate: (job, old) => {
      const labels = old.spec.template.metadata.labels ?? {};
      // Upstream asks the spec's rules in both of its halves, so that their errors come twice.
      return [
        ...validateJob(job, NAME_LABEL in labels && UID_LABEL in labels, old),
        ...validateJobSpec(job.spec, 'spec', old.spec),
        ...jobChangeErrors(job, old),
      ];
    },
    validateStatus: validateJobStatus,
    warnings: job => [...podNameWarnings(job.metadata.name), ...jobSpecWarnings(job.spec, 'spec')],
    warningsOnUpdate: (job, old) =>
      job.metadata.generation === old.metadata.generation ? [] : jobSpecWarnings(job.spec, 'spec'),
    columns: {
      definitions: [
        NAME,
        ...columns({
          Status: 'Whether the job runs, is suspended or is over, and how.',
          Completions: 'How many pods have succeeded, of how many that are to.',
          Duration: 'How long the job took, or has taken so far.',
        }),
        AGE,
        ...POD_COLUMNS,
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

/** A job finds its pods by its own uid, unless it says that it brings a selector. What is set stays, and is checked. */
function withGeneratedSelector(job: Job): Job {
  if (job.spec.manualSelector === true) return job;
  const { uid = '', name = '' } = job.metadata;
  const { template, selector } = job.spec;
  const generated = { [UID_LABEL]: uid, [OLD_UID_LABEL]: uid, [NAME_LABEL]: name, [OLD_NAME_LABEL]: name };
  const labels = { ...generated, ...template.metadata.labels };
  // A job without labels has its template's by default; upstream has one map for both then, and so the job gets these too.
  const shared = job.metadata.labels !== undefined && job.metadata.labels === template.metadata.labels;
  return {
    ...job,
    ...(shared ? { metadata: { ...job.metadata, labels } } : {}),
    spec: {
      ...job.spec,
      selector: { ...selector, matchLabels: { [UID_LABEL]: uid, ...selector?.matchLabels } },
      template: {
        ...template,
        metadata: { ...template.metadata, labels },
      },
    },
  };
}

function validateJob(job: Job, prefixed: boolean, old: Job | undefined): FieldError[] {
  const { completionMode, completions = 0 } = job.spec;
  const { name = '' } = job.metadata;
  const errors = [...generatedErrors(job, prefixed), ...validateJobSpec(job.spec, 'spec', old?.spec)];
  if (completionMode !== 'Indexed' || completions <= 0) return errors;
  const last = `${name}-${completions - 1}`;
  if (dns1123Label(last).length > 0)
    errors.push(invalid('metadata.name', name, `will not able to create pod with invalid DNS label: ${last}`));
  return errors;
}

/** What the server generates may have been in the way of labels that were sent. `prefixed`: the newer labels are asked too. */
function generatedErrors(job: Job, prefixed: boolean): FieldError[] {
  const { manualSelector, selector, template } = job.spec;
  if (manualSelector === true || selector === undefined) return [];
  const { uid = '', name = '' } = job.metadata;
  const errors = uid === '' ? [required('metadata.uid')] : [];
  const expected: [string, string][] = [
    [OLD_UID_LABEL, uid],
    [OLD_NAME_LABEL, name],
  ];
  if (prefixed) expected.push([UID_LABEL, uid], [NAME_LABEL, name]);
  const { labels } = template.metadata;
  for (const [key, value] of expected) {
    const at = `spec.template.metadata.labels[${key}]`;
    if (labels?.[key] === undefined) errors.push(required(at, `must be '${value}'`));
    else if (labels[key] !== value) errors.push(invalid(at, labels, `must be '${value}'`));
  }
  try {
    if (labelSelectorOf(selector)?.matches(Object.fromEntries(expected)) === false)
      errors.push(invalid('spec.selector', selector, '`selector` not auto-generated'));
  } catch {
    // The selector's own error says it.
  }
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
