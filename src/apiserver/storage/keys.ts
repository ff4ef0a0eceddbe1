import { invalidArgument } from '../../base/errors.ts';

/** All that is ours lies below, the compaction key too: so every revision of the store is one that the watch cache sees. */
export const ROOT = '/registry/';

/** Written by whoever compacts. */
export const COMPACTION_KEY = '/registry/compact_rev_key';

/** Names that upstream chose before there were groups. */
const SPECIAL: ReadonlyMap<string, string> = new Map([
  ['/nodes', 'minions'],
  ['/services', 'services/specs'],
  ['/endpoints', 'services/endpoints'],
  ['/replicationcontrollers', 'controllers'],
  ['networking.k8s.io/ingresses', 'ingress'],
  ['extensions/ingresses', 'ingress'],
]);

/** Groups whose servers upstream runs apart from the core, and which put the group into the key. */
const GROUP_IN_KEY: ReadonlySet<string> = new Set(['apiextensions.k8s.io', 'apiregistration.k8s.io']);

/** The prefix of a built-in resource, with a slash at its end: `/registry/pods/`. Events of both groups share theirs. */
export function builtinPrefix(group: string, resource: string): string {
  const name =
    SPECIAL.get(`${group}/${resource}`) ?? (GROUP_IN_KEY.has(group) ? `${group}/${resource}` : resource.toLowerCase());
  return `${ROOT}${name}/`;
}

/** The prefix of a custom resource: `/registry/<group>/<plural>/`. */
export function customPrefix(group: string, resource: string): string {
  return `${ROOT}${segment(group, 'group')}/${segment(resource, 'resource')}/`;
}

/** The prefix of one namespace within a resource's. */
export function namespacePrefix(prefix: string, namespace: string): string {
  return `${prefix}${segment(namespace, 'namespace')}/`;
}

/** The key of an object; no namespace for those of the cluster. Throws `invalid-argument` for what would leave the prefix. */
export function objectKey(prefix: string, namespace: string | undefined, name: string): string {
  const base = namespace === undefined ? prefix : namespacePrefix(prefix, namespace);
  return base + segment(name, 'name');
}

function segment(text: string, what: string): string {
  if (text === '' || text === '.' || text === '..' || /[/\0]/.test(text))
    throw invalidArgument(`invalid key: the ${what} "${text}" cannot stand in a key`);
  return text;
}
