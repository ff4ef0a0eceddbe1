import type { ObjectMeta } from '../../api/types/gen/meta-v1.ts';

interface Created {
  readonly metadata: ObjectMeta;
}

/** By the time of creation, the newest first; of one second by name. */
export function newestFirst(a: Created, b: Created): number {
  const [first = '', second = ''] = [a.metadata.creationTimestamp, b.metadata.creationTimestamp];
  if (first !== second) return first > second ? -1 : 1;
  return (a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1;
}
