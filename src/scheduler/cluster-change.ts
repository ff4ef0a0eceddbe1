import type { Namespace, Node, PersistentVolume, PersistentVolumeClaim, Pod } from '../api/types/gen/core-v1.ts';
import type { StorageClass } from '../api/types/gen/storage-v1.ts';

interface ChangeOf<K extends string, T> {
  readonly kind: K;
  /** Undefined where it is new. */
  readonly before: T | undefined;
  /** Undefined where it is gone. */
  readonly after: T | undefined;
}

/** Something that may let a pod be placed that was refused before. */
export type ClusterChange =
  | ChangeOf<'node', Node>
  /** A pod that has a node, or for which one is kept. */
  | ChangeOf<'pod', Pod>
  /** The pod that waits, itself. */
  | { readonly kind: 'self'; readonly before: Pod; readonly after: Pod }
  | ChangeOf<'namespace', Namespace>
  | ChangeOf<'claim', PersistentVolumeClaim>
  | ChangeOf<'volume', PersistentVolume>
  | ChangeOf<'storage-class', StorageClass>;

export type ChangeKind = ClusterChange['kind'];
