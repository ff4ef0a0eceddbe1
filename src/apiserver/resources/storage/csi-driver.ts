import { equalAs, equalValues } from '../../../api/semantic-equal.ts';
import type { CSIDriver, TokenRequest } from '../../../api/types/gen/storage-v1.ts';
import {
  addErrors,
  duplicate,
  type FieldError,
  invalid,
  notSupported,
  required,
} from '../../../api/validation/field-error.ts';
import { immutable } from '../../../api/validation/object-meta-update.ts';
import { AGE, column, columns, NAME } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';

const MIN_TOKEN_SECONDS = 600;
const MAX_TOKEN_SECONDS = 2 ** 32;
const MIN_UPDATE_SECONDS = 10;
const TOKENS_IN_CONTEXT =
  'spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible logging of tokens in volume attributes';

export const csiDriverStrategy = defineStrategy<CSIDriver>(
  { group: 'storage.k8s.io', version: 'v1', plural: 'csidrivers' },
  {
    unconditionalUpdate: false,
    prepareForCreate: driver => withoutScaling(driver, undefined),
    // A new driver has no generation; the first change gives it one.
    prepareForUpdate: (driver, old) => {
      const kept = withoutScaling(driver, old);
      const generation = (old.metadata.generation ?? 0) + 1;
      return equalAs('storage/v1.CSIDriverSpec', kept.spec, old.spec)
        ? kept
        : { ...kept, metadata: { ...kept.metadata, generation } };
    },
    validate: validateDriver,
    validateUpdate: (driver, old) => [
      ...validateDriver(driver),
      // The first name is upstream's.
      ...immutable('spec.attachedRequired', driver.spec.attachRequired, old.spec.attachRequired),
      ...immutable('spec.volumeLifecycleModes', driver.spec.volumeLifecycleModes, old.spec.volumeLifecycleModes),
    ],
    warnings: driver => tokenWarnings(driver),
    warningsOnUpdate: (driver, old) =>
      equalValues(driver.spec.tokenRequests, old.spec.tokenRequests) ? [] : tokenWarnings(driver),
    columns: {
      definitions: [
        NAME,
        ...columns(
          {
            AttachRequired: 'Whether volumes are attached to a node before they are mounted.',
            PodInfoOnMount: 'Whether the driver is told which pod a volume is mounted for.',
            StorageCapacity: 'Whether pods are placed by how much room the driver says there is.',
          },
          { type: 'boolean' },
        ),
        column('TokenRequests', { description: 'The audiences of the tokens that the driver gets for pods.' }),
        column('RequiresRepublish', { type: 'boolean', description: 'Whether volumes are mounted again and again.' }),
        column('Modes', { description: 'Whether volumes of the driver outlive their pods.' }),
        AGE,
      ],
      cells: (driver, now) => {
        const { spec } = driver;
        const modes = (spec.volumeLifecycleModes ?? []).join(',');
        return [
          driver.metadata.name ?? '',
          spec.attachRequired ?? true,
          spec.podInfoOnMount ?? false,
          spec.storageCapacity ?? false,
          spec.tokenRequests === undefined ? '<unset>' : spec.tokenRequests.map(({ audience }) => audience).join(','),
          spec.requiresRepublish ?? false,
          modes === '' ? '<none>' : modes,
          ageCell(driver, now),
        ];
      },
    },
  },
);

/** Upstream keeps this field behind a gate that is off (VolumeLimitScaling); a driver that has it keeps it. */
function withoutScaling(driver: CSIDriver, old: CSIDriver | undefined): CSIDriver {
  if (old?.spec.preventPodSchedulingIfMissing !== undefined) return driver;
  const { preventPodSchedulingIfMissing, ...spec } = driver.spec;
  return { ...driver, spec };
}

function validateDriver({ spec }: CSIDriver): FieldError[] {
  const { fsGroupPolicy, tokenRequests = [], nodeAllocatableUpdatePeriodSeconds: period } = spec;
  const errors: FieldError[] = [];
  if (spec.attachRequired === undefined) errors.push(required('spec.attachedRequired'));
  for (const name of ['podInfoOnMount', 'storageCapacity'] as const)
    if (spec[name] === undefined) errors.push(required(`spec.${name}`));
  const policies = ['File', 'None', 'ReadWriteOnceWithFSType'];
  if (fsGroupPolicy !== undefined && !policies.includes(fsGroupPolicy))
    errors.push(notSupported('spec.fsGroupPolicy', fsGroupPolicy, policies));
  addErrors(errors, tokenErrors(tokenRequests, 'spec.tokenRequests'));
  for (const mode of spec.volumeLifecycleModes ?? [])
    if (mode !== 'Persistent' && mode !== 'Ephemeral')
      errors.push(notSupported('spec.volumeLifecycleModes', mode, ['Persistent', 'Ephemeral']));
  if (spec.seLinuxMount === undefined) errors.push(required('spec.seLinuxMount'));
  if (period !== undefined && period < MIN_UPDATE_SECONDS)
    errors.push(
      invalid(
        'spec.nodeAllocatableUpdatePeriodSeconds',
        period,
        `must be greater than or equal to ${MIN_UPDATE_SECONDS} seconds`,
      ),
    );
  const inSecrets = spec.serviceAccountTokenInSecrets;
  if (inSecrets !== undefined && tokenRequests.length === 0)
    errors.push(
      invalid(
        'spec.serviceAccountTokenInSecrets',
        inSecrets,
        'serviceAccountTokenInSecrets is set but no tokenRequests are specified',
      ),
    );
  return errors;
}

function tokenErrors(requests: readonly TokenRequest[], path: string): FieldError[] {
  const audiences = new Set<string>();
  return requests.flatMap(({ audience, expirationSeconds: seconds }, index) => {
    const at = `${path}[${index}]`;
    if (audiences.has(audience)) return [duplicate(`${at}.audience`, audience)];
    audiences.add(audience);
    if (seconds === undefined) return [];
    if (seconds < MIN_TOKEN_SECONDS)
      return [invalid(`${at}.expirationSeconds`, seconds, 'may not specify a duration less than 10 minutes')];
    return seconds > MAX_TOKEN_SECONDS
      ? [invalid(`${at}.expirationSeconds`, seconds, 'may not specify a duration larger than 2^32 seconds')]
      : [];
  });
}

function tokenWarnings({ spec }: CSIDriver): string[] {
  const asked = (spec.tokenRequests ?? []).length > 0;
  return asked && spec.serviceAccountTokenInSecrets === undefined ? [TOKENS_IN_CONTEXT] : [];
}
