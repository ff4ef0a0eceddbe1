import { equalAs } from '../../api/semantic-equal.ts';
import type { ControllerRevision } from '../../api/types/gen/apps-v1.ts';
import type { PodTemplateSpec } from '../../api/types/gen/core-v1.ts';
import type { ApiObject } from '../../client/api-object.ts';
import type { OwnerKind } from '../pods/owned-objects.ts';
import { controllerReference } from '../pods/pod-from-template.ts';
import { templateHash } from '../pods/template-hash.ts';

/** The templates that an owner of pods had, each in a ControllerRevision: which is the present one, and which may go. */

/** On revisions and on the pods of them. */
export const REVISION_HASH = 'controller-revision-hash';
const MAX_NAME_LENGTH = 253;

/** What pods of a revision carry. Revisions of older clusters lack the label: their name serves. */
export function hashOf({ metadata }: ControllerRevision): string {
  return metadata.labels?.[REVISION_HASH] ?? metadata.name ?? '';
}

/** True where a revision has this template. It is a patch that puts the template back, as kubectl applies it for `rollout undo`. */
export function holds({ data }: ControllerRevision, template: PodTemplateSpec): boolean {
  const patch = data as { readonly spec?: { readonly template?: Readonly<Record<string, unknown>> } } | undefined;
  const { $patch: _, ...stored } = patch?.spec?.template ?? {};
  return equalAs('core/v1.PodTemplateSpec', stored, template);
}

export interface Revisions {
  /** The one of the present template with the highest number; undefined where there is none yet. */
  readonly current: ControllerRevision | undefined;
  /** Others of the same template. */
  readonly duplicates: readonly ControllerRevision[];
  readonly old: readonly ControllerRevision[];
  /** The number that the present one has to have at least. */
  readonly number: number;
}

export function sortRevisions(all: readonly ControllerRevision[], template: PodTemplateSpec): Revisions {
  const same = byNumber(all.filter(revision => holds(revision, template)));
  const old = all.filter(revision => !same.includes(revision));
  return {
    current: same.at(-1),
    duplicates: same.slice(0, -1),
    old,
    number: Math.max(0, ...old.map(({ revision }) => revision)) + 1,
  };
}

/** The revision of a template, as it is created. */
export function newRevision(
  owner: ApiObject,
  { apiVersion, kind }: OwnerKind,
  template: PodTemplateSpec,
  number: number,
  collisions: number,
): ControllerRevision {
  const { name = '', namespace, annotations } = owner.metadata;
  const hash = templateHash(template, collisions);
  return {
    metadata: {
      namespace,
      name: `${name.slice(0, MAX_NAME_LENGTH - hash.length - 1)}-${hash}`,
      labels: { ...template.metadata?.labels, [REVISION_HASH]: hash },
      ...(annotations === undefined ? {} : { annotations }),
      ownerReferences: [controllerReference(owner, apiVersion, kind)],
    },
    data: inOrder({ spec: { template: { ...template, $patch: 'replace' } } }),
    revision: number,
  };
}

/** The same with the members of every object sorted: clients compare this data with what they would have made, byte by byte. */
function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(members.map(([name, member]) => [name, inOrder(member)]));
}

/** Those of older templates beyond a number, the oldest first, but none that somebody still needs, as pods of it do. */
export function surplusRevisions(
  old: readonly ControllerRevision[],
  limit: number,
  isLive: (revision: ControllerRevision) => boolean,
): readonly ControllerRevision[] {
  const count = Math.max(0, old.length - limit);
  return byNumber(old.filter(revision => !isLive(revision))).slice(0, count);
}

function byNumber(revisions: readonly ControllerRevision[]): readonly ControllerRevision[] {
  return revisions.toSorted((a, b) => a.revision - b.revision);
}
