import { stringify } from 'yaml';
import { isAbsentList } from '../../api/schema/zero.ts';

/** Documents as YAML, fields sorted as kubeadm's are. A list that was never given is null: an empty one means something else. */
export function documentsText(documents: readonly object[]): string {
  return documents.map(document => stringify(plain(document), { sortMapEntries: true, lineWidth: 0 })).join('---\n');
}

function plain(value: unknown): unknown {
  if (Array.isArray(value)) return isAbsentList(value) ? null : value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(fields.map(([name, field]) => [name, plain(field)]));
}
