import type { IpFamily } from '../../../base/cidr.ts';
import { hasForm, type SavedSets, SET_IDS, type SetId, SWAP_SET, setForm, setName } from './sets.ts';

export type SetMembers = ReadonlyMap<SetId, ReadonlySet<string>>;

export interface SetCommands {
  /** Makes sets and adds what is wanted: comes before what uses it. */
  readonly before: readonly string[];
  /** Takes out what is wanted no more: comes after. */
  readonly after: readonly string[];
}

/** What brings the sets of a family from what stands in the kernel to these members. */
export function setCommands(wanted: SetMembers, saved: SavedSets, family: IpFamily): SetCommands {
  // left by one that died while it was about to be swapped
  const before: string[] = saved.has(SWAP_SET) ? [`destroy ${SWAP_SET}`] : [];
  const after: string[] = [];
  for (const id of SET_IDS) {
    const name = setName(id, family);
    const form = setForm(id, family);
    const present = saved.get(name);
    const members = wanted.get(id) ?? new Set<string>();
    if (present === undefined) before.push(`create ${name} ${form}`);
    else if (!hasForm(present.form, form)) {
      // rules hold the old one, so the new one changes places with it
      before.push(`create ${SWAP_SET} ${form}`, ...[...members].map(member => `add ${SWAP_SET} ${member}`));
      before.push(`swap ${SWAP_SET} ${name}`, `destroy ${SWAP_SET}`);
      continue;
    }
    for (const member of members) if (present?.elements.has(member) !== true) before.push(`add ${name} ${member}`);
    for (const member of present?.elements ?? []) if (!members.has(member)) after.push(`del ${name} ${member}`);
  }
  return { before, after };
}
