import type { ObjectMeta, OwnerReference } from '../../api/types/gen/meta-v1.ts';

export interface KindName {
  readonly apiVersion: string;
  readonly kind: string;
}

/** An object, or what a reference says of one. */
export interface Identity extends KindName {
  /** Empty for what has no namespace. */
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

interface Dependent {
  readonly identity: Identity;
  readonly owners: readonly OwnerReference[];
}

export function identityOf(
  { apiVersion, kind }: KindName,
  { namespace = '', name = '', uid = '' }: ObjectMeta,
): Identity {
  return { apiVersion, kind, namespace, name, uid };
}

export function isSameIdentity(a: Identity, b: Identity): boolean {
  return isNamedBy(a, b) && a.namespace === b.namespace;
}

/** As events and upstream's log write it. */
export function identityText({ apiVersion, kind, namespace, name, uid }: Identity): string {
  return `[${apiVersion}/${kind}, namespace: ${namespace}, name: ${name}, uid: ${uid}]`;
}

/** True where a dependent has a reference that is right for just this owner. */
export function matches({ identity, owners }: Dependent, owner: Identity): boolean {
  return (
    (owner.namespace === '' || owner.namespace === identity.namespace) &&
    owners.some(reference => isNamedBy(owner, reference))
  );
}

/** True where a dependent says something else of the owner with this uid. One with two references to it can match and disagree. */
export function disagrees({ identity, owners }: Dependent, owner: Identity): boolean {
  return (
    (owner.namespace !== '' && owner.namespace !== identity.namespace) ||
    owners.some(reference => reference.uid === owner.uid && !isNamedBy(owner, reference))
  );
}

/**
 * What else dependents say of an owner that does not exist as `absent`: the next one in upstream's order, so that all of them get their turn, and the first
 * one after the last. Undefined where nobody says anything else.
 */
export function alternateIdentity(dependents: readonly Dependent[], absent: Identity): Identity | undefined {
  const isClusterScoped = absent.namespace === '';
  const said = dependents
    .flatMap(({ identity, owners }) =>
      owners
        .filter(reference => reference.uid === absent.uid)
        .map(reference => {
          const isSameKind = reference.apiVersion === absent.apiVersion && reference.kind === absent.kind;
          const namespace = isClusterScoped && isSameKind ? '' : identity.namespace;
          return identityOf(reference, { name: reference.name, uid: reference.uid, namespace });
        }),
    )
    .filter(identity => !isSameIdentity(identity, absent))
    .toSorted(inOrder);
  return said.find(identity => inOrder(absent, identity) < 0) ?? said[0];
}

function isNamedBy(a: Omit<Identity, 'namespace'>, b: Omit<Identity, 'namespace'>): boolean {
  return a.uid === b.uid && a.name === b.name && a.kind === b.kind && a.apiVersion === b.apiVersion;
}

function inOrder(a: Identity, b: Identity): number {
  for (const part of ['kind', 'apiVersion', 'namespace', 'name', 'uid'] as const)
    if (a[part] !== b[part]) return a[part] < b[part] ? -1 : 1;
  return 0;
}
