import { applyDefaults, type TypeDefaults } from '../defaults/apply.ts';
import { coreV1Defaults } from '../defaults/core-v1.ts';
import { kubeletConfigurationDefaults } from '../defaults/kubelet-v1beta1.ts';
import { kubeProxyConfigurationDefaults } from '../defaults/kubeproxy-v1alpha1.ts';
import type { Pod } from '../types/gen/core-v1.ts';
import type { KubeletConfiguration } from '../types/gen/kubelet-v1beta1.ts';
import type { KubeProxyConfiguration } from '../types/gen/kubeproxy-v1alpha1.ts';
import type { FieldError } from '../validation/field-error.ts';
import { validateKubeProxyConfiguration } from '../validation/kube-proxy-configuration.ts';
import { validateKubeletConfiguration } from '../validation/kubelet-configuration.ts';
import { validatePod } from '../validation/pod.ts';
import { builtinTable } from './builtin.ts';
import type { StructType } from './table.ts';

/**
 * What is known of a kind beside the shape of its type: the part that no Go module carries in a form to generate from.
 * A new built-in kind is an entry here, its defaults by type, and its validation.
 */
export interface Kind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  /** `none`: a configuration file, which no API serves. */
  readonly scope: 'namespaced' | 'cluster' | 'none';
  readonly type: StructType;
  readonly defaults: TypeDefaults;
  /** The rules of the kind over a defaulted object; empty where it is valid. */
  readonly validate: (object: object) => readonly FieldError[];
  /** The kind of its items, for a list kind. */
  readonly itemKind?: string;
}

const KINDS: readonly Kind[] = [
  {
    group: '',
    version: 'v1',
    kind: 'Pod',
    plural: 'pods',
    singular: 'pod',
    shortNames: ['po'],
    categories: ['all'],
    scope: 'namespaced',
    type: builtinTable.struct('core/v1.Pod'),
    defaults: coreV1Defaults,
    validate: object => validatePod(object as Pod),
  },
  {
    group: '',
    version: 'v1',
    kind: 'PodList',
    plural: 'pods',
    singular: 'pod',
    shortNames: [],
    categories: [],
    scope: 'namespaced',
    type: builtinTable.struct('core/v1.PodList'),
    defaults: coreV1Defaults,
    validate: () => [],
    itemKind: 'Pod',
  },
  {
    group: 'kubelet.config.k8s.io',
    version: 'v1beta1',
    kind: 'KubeletConfiguration',
    plural: '',
    singular: '',
    shortNames: [],
    categories: [],
    scope: 'none',
    type: builtinTable.struct('kubelet/v1beta1.KubeletConfiguration'),
    defaults: kubeletConfigurationDefaults,
    validate: object => validateKubeletConfiguration(object as KubeletConfiguration),
  },
  {
    group: 'kubeproxy.config.k8s.io',
    version: 'v1alpha1',
    kind: 'KubeProxyConfiguration',
    plural: '',
    singular: '',
    shortNames: [],
    categories: [],
    scope: 'none',
    type: builtinTable.struct('kubeproxy/v1alpha1.KubeProxyConfiguration'),
    defaults: kubeProxyConfigurationDefaults,
    validate: object => validateKubeProxyConfiguration(object as KubeProxyConfiguration),
  },
];

const BY_KIND = new Map(KINDS.map(kind => [`${apiVersionOf(kind)}/${kind.kind}`, kind]));

/** `v1`, or `group/version`. */
export function apiVersionOf(kind: { readonly group: string; readonly version: string }): string {
  return kind.group === '' ? kind.version : `${kind.group}/${kind.version}`;
}

export function findKind(apiVersion: string, kind: string): Kind | undefined {
  return BY_KIND.get(`${apiVersion}/${kind}`);
}

/** All kinds, in the order of the table. */
export function allKinds(): readonly Kind[] {
  return KINDS;
}

/** The object with the defaults of its kind. What is set stays; the object given is not changed. */
export function withDefaults<T extends object>(kind: Kind, object: T): T {
  return applyDefaults(kind.type, object, kind.defaults);
}
