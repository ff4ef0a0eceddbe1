import type { Pod } from '../../../../api/types/gen/core-v1.ts';
import { ipWarnings } from '../../../../api/validation/ip.ts';
import { validateNewPod } from '../../../../api/validation/pod.ts';
import { defineStrategy } from '../../define.ts';
import { podColumns } from './columns.ts';
import {
  initialPodStatus,
  prepareChangedPod,
  prepareEphemeralContainers,
  prepareNewPod,
  preparePodStatus,
  prepareResize,
} from './prepare.ts';
import { validatePodResize } from './resize-rules.ts';
import { validatePodStatusUpdate } from './status-rules.ts';
import { validateEphemeralContainersUpdate, validatePodUpdate } from './update-rules.ts';
import { podWarnings } from './warnings.ts';

export const podStrategy = defineStrategy<Pod>(
  { group: '', version: 'v1', plural: 'pods' },
  {
    generation: ['spec'],
    initialStatus: initialPodStatus,
    prepareForCreate: prepareNewPod,
    prepareForUpdate: prepareChangedPod,
    validate: validateNewPod,
    validateUpdate: validatePodUpdate,
    prepareStatus: preparePodStatus,
    validateStatus: validatePodStatusUpdate,
    warnings: podWarnings,
    // People seldom change pods themselves.
    warningsOnUpdate: () => [],
    warningsOnStatus: ({ status }) => [
      ...(status.podIPs ?? []).flatMap(({ ip }, index) => ipWarnings(`status.podIPs[${index}].ip`, ip)),
      ...(status.hostIPs ?? []).flatMap(({ ip }, index) => ipWarnings(`status.hostIPs[${index}].ip`, ip)),
    ],
    statusFieldResets: ['spec', 'metadata.deletionTimestamp', 'metadata.ownerReferences'],
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
        prepareForUpdate: prepareEphemeralContainers,
        validateUpdate: validateEphemeralContainersUpdate,
        fieldsKept: ['spec.ephemeralContainers'],
      },
      resize: {
        prepareForUpdate: prepareResize,
        validateUpdate: validatePodResize,
        fieldsKept: ['containers', 'initContainers'].flatMap(list =>
          ['resources', 'resizePolicy'].map(field => `spec.${list}.*.${field}`),
        ),
      },
    },
  },
);
