import type { ControllerRevision, StatefulSet } from '../../api/types/gen/apps-v1.ts';
import type { PersistentVolumeClaim, Pod, PodTemplateSpec, Volume } from '../../api/types/gen/core-v1.ts';
import { controllerReference, podFromTemplate } from '../pods/pod-from-template.ts';

/** The pods of a stateful set as they have to be: each has a number, and by that its name, its claims and its revision. Pure. */

export const STATEFUL_SET = { apiVersion: 'apps/v1', kind: 'StatefulSet' };
export const POD_NAME = 'statefulset.kubernetes.io/pod-name';
const POD_INDEX = 'apps.kubernetes.io/pod-index';
/** Holds the name of the revision that a pod is of. */
const REVISION = 'controller-revision-hash';

/** A template and the name of the revision that keeps it. */
export interface SetRevision {
  readonly name: string;
  readonly template: PodTemplateSpec;
}

/** The numbers of a set: from `start` on, `count` of them. */
export function ordinalsOf({ spec }: StatefulSet): { readonly start: number; readonly count: number } {
  return { start: spec.ordinals?.start ?? 0, count: spec.replicas ?? 1 };
}

/** The number of a pod by its name; undefined where it is no name of a member of this set. */
export function ordinalOf(set: StatefulSet, { metadata }: Pod): number | undefined {
  const [, parent, digits = ''] = /^(.*)-(\d{1,9})$/.exec(metadata.name ?? '') ?? [];
  return parent === set.metadata.name && (digits === '0' || !digits.startsWith('0')) ? Number(digits) : undefined;
}

export function revisionOf({ metadata }: Pod): string {
  return metadata.labels?.[REVISION] ?? '';
}

/** The template that a revision keeps. */
export function templateOf({ data }: ControllerRevision): PodTemplateSpec {
  const patch = data as
    | { readonly spec?: { readonly template?: PodTemplateSpec & { readonly $patch?: string } } }
    | undefined;
  const { $patch: _, ...template } = patch?.spec?.template ?? { spec: { containers: [] } };
  return template as PodTemplateSpec;
}

/**
 * The revision that a pod of this number is made of: the update's, but for those below the partition, which stay (or come back) at the current one; without
 * settings of a rolling update those that the update has not reached yet.
 */
export function revisionFor(set: StatefulSet, ordinal: number, current: SetRevision, update: SetRevision): SetRevision {
  const { type, rollingUpdate } = set.spec.updateStrategy;
  const { start } = ordinalsOf(set);
  if (rollingUpdate !== undefined) return ordinal < start + (rollingUpdate.partition ?? 0) ? current : update;
  const isRolling = type === undefined || type === 'RollingUpdate';
  return isRolling && ordinal < start + (set.status.currentReplicas ?? 0) ? current : update;
}

/** A member as it is created. */
export function memberOf(set: StatefulSet, ordinal: number, revision: SetRevision): Pod {
  const reference = controllerReference(set, STATEFUL_SET.apiVersion, STATEFUL_SET.kind);
  const { metadata, spec } = podFromTemplate(revision.template, set, reference);
  const { generateName: _, ...rest } = metadata;
  const name = `${set.metadata.name}-${ordinal}`;
  return {
    metadata: {
      ...rest,
      name,
      labels: { ...rest.labels, ...identityLabels(name, ordinal), [REVISION]: revision.name },
    },
    spec: {
      ...spec,
      hostname: name,
      subdomain: set.spec.serviceName,
      volumes: [...claimVolumes(set, ordinal), ...otherVolumes(set, spec.volumes)],
    },
  } as unknown as Pod;
}

export function identityLabels(name: string, ordinal: number): { readonly [label: string]: string } {
  return { [POD_NAME]: name, [POD_INDEX]: String(ordinal) };
}

/** The claims of a member, each by the template of the set. */
export function claimsOf(set: StatefulSet, ordinal: number): readonly PersistentVolumeClaim[] {
  return (set.spec.volumeClaimTemplates ?? []).map(template => ({
    ...template,
    metadata: {
      ...template.metadata,
      name: claimName(set, template, ordinal),
      namespace: set.metadata.namespace,
      labels: { ...template.metadata.labels, ...set.spec.selector?.matchLabels },
    },
  }));
}

/** Schedulers spread the volumes of such names over zones. */
export function claimName(set: StatefulSet, template: PersistentVolumeClaim, ordinal: number): string {
  return `${template.metadata.name}-${set.metadata.name}-${ordinal}`;
}

function claimVolumes(set: StatefulSet, ordinal: number): Volume[] {
  return (set.spec.volumeClaimTemplates ?? []).map(template => ({
    name: template.metadata.name ?? '',
    persistentVolumeClaim: { claimName: claimName(set, template, ordinal) },
  }));
}

function otherVolumes(set: StatefulSet, volumes: readonly Volume[] = []): Volume[] {
  const claimed = new Set((set.spec.volumeClaimTemplates ?? []).map(template => template.metadata.name));
  return volumes.filter(({ name }) => !claimed.has(name));
}
