import { componentconfigV1alpha1 } from './gen/componentconfig-v1alpha1.ts';
import { coreV1 } from './gen/core-v1.ts';
import { kubeletV1beta1 } from './gen/kubelet-v1beta1.ts';
import { kubeproxyV1alpha1 } from './gen/kubeproxy-v1alpha1.ts';
import { logsV1 } from './gen/logs-v1.ts';
import { metaV1 } from './gen/meta-v1.ts';
import { tracingV1 } from './gen/tracing-v1.ts';
import { SchemaTable } from './table.ts';

/** The table of the built-in kinds. Its rows are strings until a type is asked for. */
export const builtinTable = new SchemaTable([
  metaV1,
  coreV1,
  kubeletV1beta1,
  kubeproxyV1alpha1,
  componentconfigV1alpha1,
  logsV1,
  tracingV1,
]);
