import { failedPrecondition } from '../../base/errors.ts';

/** Upstream's number: every id that a program of the usual kind uses has a place. */
const IDS_PER_POD = 65_536;
/** The first range belongs to the machine itself; ids end before 2^32 - 1, which means "no change" to the kernel. */
const FIRST_RANGE = 1;
const LAST_RANGE = 65_534;

/** The first id, on the machine, of a range that no pod has. The lowest one, so that a machine's ranges stay together. */
export function freeRange(used: ReadonlySet<number>): number {
  for (let range = FIRST_RANGE; range <= LAST_RANGE; range += 1)
    if (!used.has(range * IDS_PER_POD)) return range * IDS_PER_POD;
  throw failedPrecondition('could not find an empty slot to allocate a user namespace');
}

interface Mapping {
  readonly hostId: number;
  readonly containerId: number;
  readonly length: number;
}

/** The ids of a pod whose range begins there: its root and those after it, the same for users and groups. */
export function rangeMapping(firstId: number): Mapping {
  return { hostId: firstId, containerId: 0, length: IDS_PER_POD };
}

/** What is kept of a pod's range, in upstream's form: either kubelet can go on with the other's pods. */
export function formatMappings(firstId: number): string {
  const mapping = rangeMapping(firstId);
  return JSON.stringify({ uidMappings: [mapping], gidMappings: [mapping] });
}

/** The first id of the range that such a file records. Throws for what no kubelet writes, in upstream's words. */
export function parseMappings(text: string): number {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (cause) {
    throw failedPrecondition('invalid user namespace mappings file', { cause });
  }
  const { uidMappings = [], gidMappings = [] } = (content ?? {}) as Partial<
    Record<'uidMappings' | 'gidMappings', readonly Partial<Mapping>[]>
  >;
  const [uids] = uidMappings;
  const wrong = (why: string): Error => failedPrecondition(`invalid user namespace configuration: ${why}`);
  if (uids === undefined || uidMappings.length !== 1) throw wrong('no more than one mapping allowed.');
  if (JSON.stringify(uidMappings) !== JSON.stringify(gidMappings))
    throw wrong('GID and UID mappings should be identical.');
  const { hostId = 0, containerId, length } = uids;
  if (containerId !== 0) throw wrong('UID 0 must be mapped');
  if (length !== IDS_PER_POD) throw wrong(`wrong user namespace length ${length}`);
  if (
    !Number.isInteger(hostId) ||
    hostId % IDS_PER_POD !== 0 ||
    hostId < FIRST_RANGE * IDS_PER_POD ||
    hostId > LAST_RANGE * IDS_PER_POD
  )
    throw wrong(`wrong user namespace offset specified ${hostId}`);
  return hostId;
}
