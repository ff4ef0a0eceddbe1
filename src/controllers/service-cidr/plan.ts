import type { IPAddress, ServiceCIDR } from '../../api/types/gen/networking-v1.ts';
import { type Cidr, ipFamily, ipToBigInt, lastAddress, parseCidr } from '../../base/cidr.ts';

export const FINALIZER = 'networking.k8s.io/service-cidr-finalizer';
/** So long may servers still take addresses of a range that is deleted, until all of them know. */
const GRACE_MS = 10_000;
const READY = { type: 'Ready', status: 'True', reason: '', message: 'Kubernetes Service CIDR is ready' } as const;
const TERMINATING = {
  type: 'Ready',
  status: 'False',
  reason: 'Terminating',
  message: 'There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR',
} as const;

export type ServiceCidrStep =
  | { readonly kind: 'keep' }
  | { readonly kind: 'update'; readonly object: ServiceCIDR }
  | { readonly kind: 'set-status'; readonly object: ServiceCIDR }
  | { readonly kind: 'wait'; readonly ms: number };

/** The next write for a ServiceCIDR. `isNeeded`: addresses are taken that no other one has. */
export function planServiceCidr(
  cidr: ServiceCIDR,
  isNeeded: boolean,
  now: { readonly ms: number; readonly text: string },
): ServiceCidrStep {
  const { finalizers = [], deletionTimestamp } = cidr.metadata;
  const has = finalizers.includes(FINALIZER);
  if (deletionTimestamp === undefined)
    return has ? withCondition(cidr, READY, now.text) : withFinalizers(cidr, [...finalizers, FINALIZER]);
  if (isNeeded) return withCondition(cidr, TERMINATING, now.text);
  const ms = Date.parse(deletionTimestamp) + GRACE_MS - now.ms;
  if (ms > 0) return { kind: 'wait', ms };
  if (!has) return { kind: 'keep' };
  return withFinalizers(
    cidr,
    finalizers.filter(each => each !== FINALIZER),
  );
}

function withFinalizers(cidr: ServiceCIDR, finalizers: readonly string[]): ServiceCidrStep {
  return { kind: 'update', object: { ...cidr, metadata: { ...cidr.metadata, finalizers } } };
}

function withCondition(cidr: ServiceCIDR, wanted: typeof READY | typeof TERMINATING, now: string): ServiceCidrStep {
  const conditions = cidr.status.conditions ?? [];
  const old = conditions.find(({ type }) => type === wanted.type);
  const isSame = old?.status === wanted.status && old.reason === wanted.reason && old.message === wanted.message;
  if (isSame) return { kind: 'keep' };
  const others = conditions.filter(({ type }) => type !== wanted.type);
  const set = { ...wanted, lastTransitionTime: now };
  return { kind: 'set-status', object: { ...cidr, status: { ...cidr.status, conditions: [...others, set] } } };
}

/** True where every range of a ServiceCIDR lies within one of another: whatever is taken of it stays in a range. */
export function isCovered(cidr: ServiceCIDR, all: readonly ServiceCIDR[]): boolean {
  const others = all.filter(({ metadata }) => metadata.name !== cidr.metadata.name).flatMap(rangesOf);
  return rangesOf(cidr).every(range => others.some(other => other.prefix <= range.prefix && overlap(other, range)));
}

/** True where two ServiceCIDRs have addresses in common. */
export function haveInCommon(a: ServiceCIDR, b: ServiceCIDR): boolean {
  return rangesOf(a).some(range => rangesOf(b).some(other => overlap(range, other)));
}

function overlap(a: Cidr, b: Cidr): boolean {
  return a.family === b.family && a.base <= lastAddress(b) && b.base <= lastAddress(a);
}

/** The ranges of a ServiceCIDR; what is none, which no server stores, is left out. */
export function rangesOf({ spec }: ServiceCIDR): readonly Cidr[] {
  return (spec.cidrs ?? []).flatMap(text => {
    try {
      return [parseCidr(text)];
    } catch {
      return [];
    }
  });
}

/** True for an address that a server has taken for a service; others make IPAddresses of their own. */
export function isOfService({ metadata }: IPAddress): boolean {
  return metadata.labels?.['ipaddress.kubernetes.io/managed-by'] === 'ipallocator.k8s.io';
}

/** True where an address could have been taken of a range: not the first of it, and of IPv4 not the last. */
export function holds(ranges: readonly Cidr[], { metadata }: IPAddress): boolean {
  const { name = '' } = metadata;
  const family = ipFamily(name);
  const address = ipToBigInt(name);
  return ranges.some(range => {
    if (range.family !== family || address <= range.base) return false;
    const last = lastAddress(range);
    return family === 4 ? address < last : address <= last;
  });
}
