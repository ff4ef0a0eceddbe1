import { builtinTable } from '../../api/schema/builtin.ts';
import { bootstraptokenV1 } from '../../api/schema/gen/bootstraptoken-v1.ts';
import { kubeadmV1beta3 } from '../../api/schema/gen/kubeadm-v1beta3.ts';
import { kubeadmV1beta4 } from '../../api/schema/gen/kubeadm-v1beta4.ts';
import type { Kind } from '../../api/schema/kinds.ts';
import type {
  ClusterConfiguration,
  InitConfiguration,
  JoinConfiguration,
  ResetConfiguration,
} from '../../api/types/gen/kubeadm-v1beta4.ts';
import type { FieldError } from '../../api/validation/field-error.ts';
import { kubeadmDefaults } from './defaults.ts';
import { validateClusterConfiguration } from './validate-cluster.ts';
import { validateInitConfiguration } from './validate-init.ts';
import { validateJoinConfiguration, validateResetConfiguration } from './validate-join.ts';

export const KUBEADM_API_VERSION = 'kubeadm.k8s.io/v1beta4';
/** Read still, and told to be migrated. */
export const OLD_KUBEADM_API_VERSION = 'kubeadm.k8s.io/v1beta3';

/** kubeadm's kinds. They are no part of the built-in table, so that no daemon has to know them. */
export const KUBEADM_KINDS: readonly Kind[] = kubeadmKinds();

function kubeadmKinds(): readonly Kind[] {
  for (const rows of [bootstraptokenV1, kubeadmV1beta3, kubeadmV1beta4]) builtinTable.add(rows);
  const none = (): readonly FieldError[] => [];
  const kind = (version: string, name: string, validate: (object: object) => readonly FieldError[] = none): Kind => ({
    group: 'kubeadm.k8s.io',
    version,
    kind: name,
    plural: '',
    singular: '',
    shortNames: [],
    categories: [],
    scope: 'none',
    type: builtinTable.struct(`kubeadm/${version}.${name}`),
    // an old file is migrated as it stands, and gets its defaults then
    defaults: version === 'v1beta4' ? kubeadmDefaults : new Map(),
    validate,
  });
  return [
    kind('v1beta4', 'InitConfiguration', object => validateInitConfiguration(object as InitConfiguration)),
    kind('v1beta4', 'ClusterConfiguration', object => validateClusterConfiguration(object as ClusterConfiguration)),
    kind('v1beta4', 'JoinConfiguration', object => validateJoinConfiguration(object as JoinConfiguration)),
    kind('v1beta4', 'ResetConfiguration', object => validateResetConfiguration(object as ResetConfiguration)),
    kind('v1beta3', 'InitConfiguration'),
    kind('v1beta3', 'ClusterConfiguration'),
    kind('v1beta3', 'JoinConfiguration'),
  ];
}
