import { type Managed, type ManagerId, type Managers, managerKey, secondsOf } from './managed.ts';
import { compareTexts } from './path-element.ts';

/** Upstream's limit of managers by update; more of them would make objects grow without end. */
const MAX_UPDATERS = 10;
const ANCIENT = 'ancient-changes';

/** Puts the oldest managers by update together, those of one version into one, until there are no more than ten. Appliers are left alone. */
export function capUpdaters(managers: Managers): Managers {
  const updaters = [...managers].filter(([, { id }]) => id.operation === 'Update');
  let count = updaters.length;
  if (count <= MAX_UPDATERS) return managers;
  updaters.sort(([a, left], [b, right]) => secondsOf(left.time) - secondsOf(right.time) || compareTexts(a, b));
  const capped = new Map(managers);
  const firsts = new Map<string, string>();
  for (const [key, managed] of updaters) {
    if (count <= MAX_UPDATERS) break;
    const { apiVersion } = managed;
    const first = firsts.get(apiVersion);
    if (first === undefined) {
      firsts.set(apiVersion, key);
      continue;
    }
    const id: ManagerId = { manager: ANCIENT, operation: 'Update', apiVersion, subresource: '' };
    const bucket = managerKey(id);
    const oldest = capped.get(bucket) ?? taken(capped, first);
    capped.delete(key);
    capped.set(bucket, { id, apiVersion, set: managed.set.union(oldest?.set ?? managed.set), time: managed.time });
    count -= 1;
  }
  return capped;
}

function taken(managers: Map<string, Managed>, key: string): Managed | undefined {
  const managed = managers.get(key);
  managers.delete(key);
  return managed;
}
