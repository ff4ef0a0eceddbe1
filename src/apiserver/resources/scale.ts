import type { Deployment, ReplicaSet, StatefulSet } from '../../api/types/gen/apps-v1.ts';
import type { Scale } from '../../api/types/gen/autoscaling-v1.ts';
import type { ReplicationController } from '../../api/types/gen/core-v1.ts';
import type { FieldError } from '../../api/validation/field-error.ts';
import { dns1123Subdomain } from '../../api/validation/names.ts';
import { nonNegative } from '../../api/validation/numbers.ts';
import { validateObjectMeta } from '../../api/validation/object-meta.ts';
import { selectorText } from './cells.ts';

/** The kinds that have a scale. */
export type Scalable = Deployment | ReplicaSet | StatefulSet | ReplicationController;

/** autoscaling/v1 Scale of a workload. The selector is text, as an autoscaler puts it into its queries. */
export function scaleOf(object: Scalable): Scale {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: object.spec.replicas ?? 0 },
    status: { replicas: object.status.replicas ?? 0, selector: selectorOf(object) },
  };
}

/** The workload with the number of a scale; its resourceVersion, where the writer gave one, is the precondition. */
export function withScale<T extends Scalable>(object: T, scale: Scale): T {
  const version = scale.metadata.resourceVersion ?? '';
  return {
    ...object,
    metadata: { ...object.metadata, ...(version === '' ? {} : { resourceVersion: version }) },
    spec: { ...object.spec, replicas: scale.spec.replicas ?? 0 },
  };
}

export function validateScale(scale: Scale): FieldError[] {
  return [
    ...validateObjectMeta(scale.metadata, { namespaced: true, nameReasons: dns1123Subdomain }),
    ...nonNegative('spec.replicas', scale.spec.replicas),
  ];
}

function selectorOf(object: Scalable): string {
  const { selector } = object.spec;
  if (selector === undefined) return '';
  if (object.kind === 'ReplicationController')
    return Object.entries(selector)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => `${key}=${String(value)}`)
      .join(',');
  return selectorText(selector) ?? '';
}
