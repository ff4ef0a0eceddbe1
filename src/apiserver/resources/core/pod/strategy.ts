import { qosClass } from '../../../../api/pod-resources.ts';
import type { Pod, PodCondition } from '../../../../api/types/gen/core-v1.ts';
import { forbidden } from '../../../../api/validation/field-error.ts';
import { validatePodSpec } from '../../../../api/validation/pod.ts';
import { defineStrategy } from '../../define.ts';
import { podColumns } from './columns.ts';
import {
  validateEphemeralContainersUpdate,
  validatePodResize,
  validatePodStatusUpdate,
  validatePodUpdate,
} from './update-rules.ts';

const GATED: PodCondition = {
  type: 'PodScheduled',
  status: 'False',
  reason: 'SchedulingGated',
  message: 'Scheduling is blocked due to non-empty scheduling gates',
};

export const podStrategy = defineStrategy<Pod>(
  { group: '', version: 'v1', plural: 'pods' },
  {
    generation: ['spec'],
    initialStatus: pod => ({
      phase: 'Pending',
      qosClass: qosClass(pod),
      ...((pod.spec.schedulingGates ?? []).length > 0 ? { conditions: [GATED] } : {}),
    }),
    validate: pod => [
      ...((pod.spec.ephemeralContainers ?? []).length > 0
        ? [forbidden('spec.ephemeralContainers', 'cannot be set on create')]
        : []),
      ...validatePodSpec(pod.spec, 'spec'),
    ],
    validateUpdate: validatePodUpdate,
    prepareStatus: (pod, old) => ({
      ...pod,
      metadata: { ...pod.metadata, ownerReferences: old.metadata.ownerReferences },
      status: { ...pod.status, qosClass: pod.status.qosClass ?? old.status.qosClass },
    }),
    validateStatus: validatePodStatusUpdate,
    columns: podColumns,
    fields: pod => ({
      'spec.nodeName': pod.spec.nodeName ?? '',
      'spec.host': pod.spec.nodeName ?? '',
      'spec.restartPolicy': pod.spec.restartPolicy ?? '',
      'spec.schedulerName': pod.spec.schedulerName ?? '',
      'spec.serviceAccountName': pod.spec.serviceAccountName ?? '',
      'spec.hostNetwork': String(pod.spec.hostNetwork ?? false),
      'status.phase': pod.status.phase ?? '',
      'status.podIP': pod.status.podIP ?? pod.status.podIPs?.[0]?.ip ?? '',
      'status.podIPs': (pod.status.podIPs ?? []).map(entry => entry.ip).join(','),
      'status.nominatedNodeName': pod.status.nominatedNodeName ?? '',
    }),
    subresources: {
      ephemeralcontainers: {
        prepareForUpdate: (pod, old) =>
          changed({ ...old, spec: { ...old.spec, ephemeralContainers: pod.spec.ephemeralContainers } }, pod, old),
        validateUpdate: (pod, old) => validateEphemeralContainersUpdate(pod, old),
      },
      resize: {
        prepareForUpdate: (pod, old) => changed({ ...pod, status: old.status }, pod, old),
        validateUpdate: (pod, old) => validatePodResize(pod, old),
        fieldResets: ['status'],
      },
    },
  },
);

/** Keeps the old metadata but for the version that the writer saw, and counts the change. */
function changed(result: Pod, written: Pod, old: Pod): Pod {
  const same = JSON.stringify(result.spec) === JSON.stringify(old.spec);
  const generation = (old.metadata.generation ?? 0) + (same ? 0 : 1);
  return {
    ...result,
    metadata: { ...old.metadata, resourceVersion: written.metadata.resourceVersion, generation },
  };
}
