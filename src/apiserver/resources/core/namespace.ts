import type { Namespace } from '../../../api/types/gen/core-v1.ts';
import { type FieldError, invalid, invalidFor } from '../../../api/validation/field-error.ts';
import { dns1123Label, qualifiedName } from '../../../api/validation/names.ts';
import { finalizerNameErrors } from '../../../api/validation/object-meta.ts';
import { AGE, column, NAME } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';

/**
 * A namespace lives until `spec.finalizers` is empty. New ones get `kubernetes`, which the namespace controller takes away
 * through the finalize subresource once the namespace holds nothing.
 */
export const namespaceStrategy = defineStrategy<Namespace>(
  { group: '', version: 'v1', plural: 'namespaces' },
  {
    names: dns1123Label,
    initialStatus: () => ({ phase: 'Active' }),
    prepareForCreate: namespace => {
      const finalizers = namespace.spec.finalizers ?? [];
      return {
        ...withNameLabel(namespace),
        spec: { finalizers: finalizers.includes('kubernetes') ? finalizers : [...finalizers, 'kubernetes'] },
      };
    },
    prepareForUpdate: (namespace, old) => ({ ...withNameLabel(namespace), spec: old.spec, status: old.status }),
    validate: namespace => finalizerErrors(namespace, () => 'spec.finalizers'),
    validateStatus: namespace => {
      const { phase } = namespace.status;
      const wanted = namespace.metadata.deletionTimestamp === undefined ? 'Active' : 'Terminating';
      const text =
        wanted === 'Active'
          ? "may only be 'Active' if `deletionTimestamp` is empty"
          : "may only be 'Terminating' if `deletionTimestamp` is not empty";
      return phase === wanted ? [] : [invalid('status.Phase', phase ?? '', text)];
    },
    columns: {
      definitions: [NAME, column('Status', { description: 'Whether the namespace is in use or going away.' }), AGE],
      cells: (namespace, now) => [namespace.metadata.name ?? '', namespace.status.phase ?? '', ageCell(namespace, now)],
    },
    // The name has a second field of its own here.
    fields: namespace => ({ name: namespace.metadata.name ?? '', 'status.phase': namespace.status.phase ?? '' }),
    subresources: {
      finalize: {
        prepareForUpdate: (namespace, old) => ({ ...namespace, status: old.status }),
        validateUpdate: namespace => finalizerErrors(namespace, index => `spec.finalizers[${index}]`),
        fieldResets: ['status'],
      },
    },
  },
);

function withNameLabel(namespace: Namespace): Namespace {
  const labels = { ...namespace.metadata.labels, 'kubernetes.io/metadata.name': namespace.metadata.name ?? '' };
  return { ...namespace, metadata: { ...namespace.metadata, labels } };
}

/** The subresource names the place in the list, the namespace itself does not. */
function finalizerErrors(namespace: Namespace, at: (index: number) => string): FieldError[] {
  return (namespace.spec.finalizers ?? []).flatMap((name, index) => [
    ...invalidFor(at(index), name, qualifiedName(name)),
    ...finalizerNameErrors(name, at(index)),
  ]);
}
