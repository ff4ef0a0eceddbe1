import type { Pod, Volume } from '../../api/types/gen/core-v1.ts';
import type { NodeInfo } from '../node-info.ts';
import type { PodInfo } from '../pod-info.ts';
import { differs, type Filter, type NodeCheck, type Refusal } from './filter.ts';
import { missingClaim } from './volume-binding.ts';

const NAME = 'VolumeRestrictions';
const IN_USE: Refusal = {
  plugin: NAME,
  isFinal: false,
  reasons: [
    'node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod',
  ],
};
const NO_DISK: Refusal = { plugin: NAME, isFinal: false, reasons: ['node(s) had no available disk'] };

/** A claim for one pod is for one pod in the whole cluster, and some disks are for one pod of a node unless all only read. */
export const volumeRestrictions: Filter = {
  name: NAME,
  prepare({ pod, namespace }, picture) {
    const exclusive = new Set<string>();
    for (const { persistentVolumeClaim } of pod.spec.volumes ?? []) {
      if (persistentVolumeClaim === undefined) continue;
      const { claimName } = persistentVolumeClaim;
      const claim = picture.claim(namespace, claimName);
      if (claim === undefined) return { plugin: NAME, isFinal: true, reasons: [missingClaim(claimName)] };
      if (claim.spec.accessModes?.includes('ReadWriteOncePod') === true) exclusive.add(claimName);
    }
    const disks = disksOf(pod);
    const inUse = [...exclusive].filter(name => picture.claimUsers(namespace, name) > 0).length;
    return exclusive.size === 0 && disks.length === 0
      ? undefined
      : new RestrictionCheck(namespace, exclusive, disks, inUse);
  },
  changes: ['pod', 'claim', 'node'],
  mayHelp(change, { pod, namespace, claims }) {
    switch (change.kind) {
      case 'node':
        return change.before === undefined;
      case 'claim': {
        const { after, before } = change;
        const isOurs = after?.metadata.namespace === namespace && claims.includes(after.metadata.name ?? '');
        return isOurs && differs(before?.spec.accessModes, after.spec.accessModes);
      }
      case 'pod': {
        const { before, after } = change;
        if (before === undefined || after !== undefined) return false;
        const freed = (before.spec.volumes ?? []).map(each => each.persistentVolumeClaim?.claimName ?? '');
        const isFreed = before.metadata.namespace === namespace && freed.some(name => claims.includes(name));
        return isFreed || conflicts(disksOf(pod), before);
      }
      default:
        return false;
    }
  },
};

class RestrictionCheck implements NodeCheck {
  readonly #namespace: string;
  readonly #exclusive: ReadonlySet<string>;
  readonly #disks: readonly Volume[];
  /** How often others use claims that are for one pod. */
  #inUse: number;

  constructor(namespace: string, exclusive: ReadonlySet<string>, disks: readonly Volume[], inUse: number) {
    this.#namespace = namespace;
    this.#exclusive = exclusive;
    this.#disks = disks;
    this.#inUse = inUse;
  }

  check({ pods }: NodeInfo): Refusal | undefined {
    if (this.#disks.length > 0) for (const { pod } of pods.values()) if (conflicts(this.#disks, pod)) return NO_DISK;
    return this.#inUse > 0 ? IN_USE : undefined;
  }

  copy(): RestrictionCheck {
    return new RestrictionCheck(this.#namespace, this.#exclusive, this.#disks, this.#inUse);
  }

  count({ namespace, claims }: PodInfo, _node: NodeInfo, sign: 1 | -1): void {
    if (namespace === this.#namespace) this.#inUse += sign * claims.filter(name => this.#exclusive.has(name)).length;
  }
}

/** The volumes of a pod that conflict with others of their kind. */
function disksOf({ spec }: Pod): readonly Volume[] {
  return (spec.volumes ?? []).filter(
    ({ gcePersistentDisk, awsElasticBlockStore, iscsi, rbd }) =>
      gcePersistentDisk !== undefined || awsElasticBlockStore !== undefined || iscsi !== undefined || rbd !== undefined,
  );
}

function conflicts(disks: readonly Volume[], { spec }: Pod): boolean {
  return disks.some(disk => (spec.volumes ?? []).some(other => isSameDisk(disk, other)));
}

function isSameDisk(a: Volume, b: Volume): boolean {
  const bothRead = (x: { readonly readOnly?: boolean | undefined }, y: { readonly readOnly?: boolean | undefined }) =>
    x.readOnly === true && y.readOnly === true;
  const [gce, gceB] = [a.gcePersistentDisk, b.gcePersistentDisk];
  if (gce !== undefined && gceB !== undefined && gce.pdName === gceB.pdName && !bothRead(gce, gceB)) return true;
  const [aws, awsB] = [a.awsElasticBlockStore, b.awsElasticBlockStore];
  if (aws !== undefined && awsB !== undefined && aws.volumeID === awsB.volumeID) return true;
  const [iscsi, iscsiB] = [a.iscsi, b.iscsi];
  if (iscsi !== undefined && iscsiB !== undefined && iscsi.iqn === iscsiB.iqn && !bothRead(iscsi, iscsiB)) return true;
  const [rbd, rbdB] = [a.rbd, b.rbd];
  if (rbd === undefined || rbdB === undefined || bothRead(rbd, rbdB)) return false;
  const isShared = rbd.monitors.some(monitor => rbdB.monitors.includes(monitor));
  return isShared && (rbd.pool ?? 'rbd') === (rbdB.pool ?? 'rbd') && rbd.image === rbdB.image;
}
