import type { IpFamily } from '../../../base/cidr.ts';

export type SetType = 'hash:ip,port' | 'hash:ip,port,ip' | 'hash:ip,port,net' | 'hash:ip' | 'bitmap:port';

export interface SetKind {
  /** In IPv4. */
  readonly name: string;
  readonly type: SetType;
}

/** The ipsets by upstream's names; the last is ours: external addresses and ports whose endpoints are all on other nodes, which outsiders do not get to. */
export const SETS = {
  loopBack: { name: 'KUBE-LOOP-BACK', type: 'hash:ip,port,ip' },
  clusterIp: { name: 'KUBE-CLUSTER-IP', type: 'hash:ip,port' },
  externalIp: { name: 'KUBE-EXTERNAL-IP', type: 'hash:ip,port' },
  externalIpLocal: { name: 'KUBE-EXTERNAL-IP-LOCAL', type: 'hash:ip,port' },
  loadBalancer: { name: 'KUBE-LOAD-BALANCER', type: 'hash:ip,port' },
  loadBalancerLocal: { name: 'KUBE-LOAD-BALANCER-LOCAL', type: 'hash:ip,port' },
  loadBalancerFw: { name: 'KUBE-LOAD-BALANCER-FW', type: 'hash:ip,port' },
  loadBalancerSourceIp: { name: 'KUBE-LOAD-BALANCER-SOURCE-IP', type: 'hash:ip,port,ip' },
  loadBalancerSourceCidr: { name: 'KUBE-LOAD-BALANCER-SOURCE-CIDR', type: 'hash:ip,port,net' },
  nodePortTcp: { name: 'KUBE-NODE-PORT-TCP', type: 'bitmap:port' },
  nodePortLocalTcp: { name: 'KUBE-NODE-PORT-LOCAL-TCP', type: 'bitmap:port' },
  nodePortUdp: { name: 'KUBE-NODE-PORT-UDP', type: 'bitmap:port' },
  nodePortLocalUdp: { name: 'KUBE-NODE-PORT-LOCAL-UDP', type: 'bitmap:port' },
  nodePortSctp: { name: 'KUBE-NODE-PORT-SCTP-HASH', type: 'hash:ip,port' },
  nodePortLocalSctp: { name: 'KUBE-NODE-PORT-LOCAL-SCTP-HASH', type: 'hash:ip,port' },
  healthCheckNodePort: { name: 'KUBE-HEALTH-CHECK-NODE-PORT', type: 'bitmap:port' },
  ipvsIps: { name: 'KUBE-IPVS-IPS', type: 'hash:ip' },
  elsewhere: { name: 'KUBE-NO-LOCAL-ENDPOINTS', type: 'hash:ip,port' },
} as const satisfies Record<string, SetKind>;

export type SetId = keyof typeof SETS;

/** The kernel's limit of a name. */
const MAX_NAME = 31;
/** Upstream's sets end at 65,536 elements, and services beyond that go unserved. */
const MAX_ELEMENTS = 1_048_576;

/** `KUBE-CLUSTER-IP`, in IPv6 `KUBE-6-CLUSTER-IP`. */
export function setName(id: SetId, family: IpFamily): string {
  const { name } = SETS[id];
  return family === 4 ? name : name.replace('KUBE-', 'KUBE-6-').slice(0, MAX_NAME);
}

export const SET_IDS = Object.keys(SETS) as SetId[];

/** A set that takes the place of one of another form for a moment. */
export const SWAP_SET = 'KUBE-SWAP';

/** The names of all sets of both families. */
export const ALL_SET_NAMES: readonly string[] = [...SET_IDS.flatMap(id => [setName(id, 4), setName(id, 6)]), SWAP_SET];

/** The words after a set's name in `create`, without those that the kernel counts by itself. */
export function setForm(id: SetId, family: IpFamily): string {
  const { type } = SETS[id];
  if (type === 'bitmap:port') return `${type} range 0-65535`;
  return `${type} family ${family === 4 ? 'inet' : 'inet6'} hashsize 1024 maxelem ${MAX_ELEMENTS}`;
}

/** What `ipset save` tells of sets: their form and their elements. */
export type SavedSets = ReadonlyMap<string, { readonly form: string; readonly elements: ReadonlySet<string> }>;

/** Reads `ipset save`; only the sets of these names. Two forms are the same where they differ in no more than what the kernel counts (hashsize, bucketsize, initval). */
export function parseSets(text: string, names: ReadonlySet<string>): SavedSets {
  const sets = new Map<string, { form: string; elements: Set<string> }>();
  for (const line of text.split('\n')) {
    const [verb, name = '', ...rest] = line.split(' ');
    if (!names.has(name)) continue;
    if (verb === 'create') sets.set(name, { form: rest.join(' '), elements: new Set() });
    if (verb === 'add') sets.get(name)?.elements.add(rest.join(' '));
  }
  return sets;
}

/** Whether a set that stands in the kernel can serve as it is. */
export function hasForm(saved: string, form: string): boolean {
  const core = (text: string): string => text.replace(/ (hashsize|bucketsize|initval) \S+/g, '');
  return core(saved) === core(form);
}
