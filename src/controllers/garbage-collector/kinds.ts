import type { ServedKind } from '../../client/discovery.ts';
import type { KindName } from './identity.ts';

/** Both are one thing under two names, and nothing depends on them: upstream leaves them out too. */
const EVENT_GROUPS = ['', 'events.k8s.io'];

/** What can be collected: each kind once, in the version that its group prefers, if it can be listed, watched and deleted. Events are left out. */
export function collectable(kinds: readonly ServedKind[]): readonly ServedKind[] {
  return kinds.filter(
    ({ id, verbs, isPreferred }) =>
      isPreferred &&
      ['list', 'watch', 'delete'].every(verb => verbs.includes(verb)) &&
      !(id.plural === 'events' && EVENT_GROUPS.includes(id.group)),
  );
}

/** A kind as objects and references name it. */
export function kindName({ id, kind }: ServedKind): KindName {
  return { apiVersion: groupVersionOf(id), kind };
}

/** `v1`, `apps/v1`. */
export function groupVersionOf({ group, version }: ServedKind['id']): string {
  return group === '' ? version : `${group}/${version}`;
}
