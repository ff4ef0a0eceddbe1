import type { ProcessIdentity } from '../../linux/procfs.ts';
import type { UnreadableDirectory } from './directories.ts';
import { leftElsewhere, planElsewhere } from './elsewhere/plan.ts';
import {
  changedModes,
  emptyDirectories,
  type FileFacts,
  type FilePlaces,
  type FileRemoval,
  planFiles,
} from './files/plan.ts';
import { type MountFact, type MountPlaces, planMounts, type Unmount } from './mounts/plan.ts';
import type { OwnKubeconfig } from './own-kubeconfigs.ts';
import type { ServiceTraces } from './traces.ts';

export interface LinkFact {
  readonly index: number;
  readonly name: string;
  readonly kind: string;
  readonly master: number | undefined;
}

export interface RouteFact {
  readonly destination: string;
  readonly gateway: string | undefined;
  readonly linkIndex: number;
  readonly protocol: number;
}

export interface AddressFact {
  readonly linkIndex: number;
  readonly ip: string;
  readonly prefix: number;
}

/** As src/proxy/act/remove.ts has it. */
export interface ProxyTraces {
  /** By name. */
  readonly chains: readonly string[];
  readonly loopback: 'closed' | 'opened-by-them' | 'open';
}

/** A kernel setting: packets are routed from and to the loopback. */
export const LOOPBACK_ROUTE = 'net.ipv4.conf.all.route_localnet';

/** With the name that it has given itself (comm). */
export interface NamedProcess extends ProcessIdentity {
  readonly name: string;
}

/** What is found on the machine; read by `facts.ts`, which changes nothing. */
export interface ResetFacts {
  readonly services: readonly ServiceTraces[];
  /** Those of containers, and monitors and runtimes of containers that stand outside of their groups. */
  readonly processes: readonly NamedProcess[];
  readonly mounts: readonly MountFact[];
  readonly links: readonly LinkFact[];
  readonly routes: readonly RouteFact[];
  /** Of the loopback link. */
  readonly addresses: readonly AddressFact[];
  /** nft tables as `inet gantry_cni`. */
  readonly tables: readonly string[];
  /** Those of iptables that were not there before, and in which nothing is left. */
  readonly spareTables: readonly string[];
  /** What proxies in other modes have left. */
  readonly proxy: ProxyTraces;
  /** A file of this machine's own says that packets are to be routed from and to the loopback. */
  readonly isLoopbackRouteConfigured: boolean;
  /** AppArmor profiles that the kernel has. */
  readonly profiles: ReadonlySet<string>;
  /** The file by which a kubelet has had logind wait longer for it at a shutdown is there. */
  readonly delaysShutdown: boolean;
  /** Kubeconfigs in the home directories of those who administer. */
  readonly ownKubeconfigs: readonly OwnKubeconfig[];
  /** Directories of ours in which nobody can look: what is in them stays. */
  readonly unreadable: readonly UnreadableDirectory[];
  /** Those among them that did not answer: not to be asked again. */
  readonly silent: readonly string[];
  /** Groups of pods that are there, of all hierarchies. */
  readonly cgroups: readonly string[];
  readonly files: FileFacts;
}

/** Names by which what is ours is known. */
export interface ResetNames extends FilePlaces, MountPlaces {
  readonly bridge: string;
  readonly podLinks: readonly RegExp[];
  readonly routeProtocol: number;
  readonly dnsAddress: string;
  readonly tables: readonly string[];
  /** An AppArmor profile. */
  readonly profile: string;
  /** A file of logind's configuration. */
  readonly logindOverride: string;
  /** Links in the place of our directories, and where they lead: emptied, and kept. */
  readonly linked: readonly string[];
  /** Links in the place of our directories that lead where nothing is looked into or taken away. */
  readonly unentered: readonly { readonly path: string; readonly because: string }[];
  /** Directories whose disk or server does not answer: whoever enters one never comes back. */
  readonly silent: readonly string[];
  /** Where directories of ours really are, by how they are called, where a link above them leads elsewhere. */
  readonly realOf: Readonly<Record<string, string>>;
  /** Groups in which a kubelet was told to make those of its pods, beside the usual places. */
  readonly cgroupRoots: readonly string[];
  /** Directories that go where they were made for this node. */
  readonly directories: readonly string[];
}

interface Removals {
  processes: { readonly processes: readonly NamedProcess[] };
  unmount: Unmount;
  /** All at once: the kernel waits for each of its own. */
  links: { readonly names: readonly string[] };
  route: { readonly route: RouteFact };
  address: { readonly address: AddressFact };
  table: { readonly name: string };
  'proxy-rules': { readonly traces: readonly string[] };
  cgroup: { readonly path: string };
  profile: { readonly name: string };
  service: { readonly name: string; readonly traces: readonly string[] };
  'shutdown-delay': { readonly path: string };
  file: { readonly file: FileRemoval };
}

/** One thing that is taken away, and what it is. */
export type Removal = {
  [K in keyof Removals]: { readonly kind: K; readonly because: string } & Removals[K];
}[keyof Removals];

/** Something of somebody else that is left, by name. */
export interface Left {
  readonly what: string;
  readonly because: string;
}

export interface ResetPlan {
  readonly removals: readonly Removal[];
  readonly left: readonly Left[];
}

/**
 * What is to be taken away of what is there, in order: whoever uses a thing goes before it. Planned again after a run was killed it holds what is left, and nothing on
 * a machine that is clean. Only what carries a name, mark or place of ours is chosen. Pure.
 */
export function planReset(facts: ResetFacts, names: ResetNames): ResetPlan {
  const mounts = planMounts(facts.mounts, names);
  const files = planFiles(names, facts.files);
  const { processes } = facts;
  return {
    removals: [
      ...(processes.length === 0
        ? []
        : [{ kind: 'processes', processes, because: 'of pods, their monitors, and what daemons left' } as const]),
      ...mounts.unmounts.map(unmount => ({ kind: 'unmount', ...unmount }) as const),
      ...networkRemovals(facts, names),
      ...facts.cgroups.map(path => ({ kind: 'cgroup', path, because: 'a group of processes of this node' }) as const),
      ...(facts.profiles.has(names.profile)
        ? [{ kind: 'profile', name: names.profile, because: 'what confined containers' } as const]
        : []),
      // before what says where to look: a run that is killed here finds it again
      ...planElsewhere(names.elsewhere, facts.files.entries).map(
        file => ({ kind: 'file', file, because: file.because }) as const,
      ),
      ...files.removals.map(file => ({ kind: 'file', file, because: file.because }) as const),
      ...facts.services
        .filter(({ traces }) => traces.length > 0)
        .map(({ name, traces }) => ({ kind: 'service', name, traces, because: 'daemons of this node' }) as const),
      ...(facts.delaysShutdown
        ? [{ kind: 'shutdown-delay', path: names.logindOverride, because: 'the longer shutdown of this node' } as const]
        : []),
      ...changedModes(facts.files).map(file => ({ kind: 'file', file, because: file.because }) as const),
      ...emptyDirectories(names.directories, facts.files).map(
        file => ({ kind: 'file', file, because: file.because }) as const,
      ),
    ],
    left: [
      ...mounts.left.map(({ target, because }) => ({ what: target, because })),
      ...[...names.unentered, ...files.left, ...leftElsewhere(names.elsewhere, facts.files.entries)].map(
        ({ path, because }) => ({
          what: path,
          because,
        }),
      ),
      ...otherTables(facts, names),
      ...openLoopback(facts),
      ...facts.ownKubeconfigs.map(({ path, unasked }) => ({
        what: path,
        because:
          unasked === undefined
            ? 'your own kubeconfig: remove from it what leads to this cluster'
            : `your own kubeconfig, if it is there (on ${unasked}, which was not asked): remove from it what leads to this cluster`,
      })),
    ],
  };
}

function otherTables({ tables, spareTables }: ResetFacts, names: ResetNames): readonly Left[] {
  const others = tables.filter(name => !names.tables.includes(name) && !spareTables.includes(name));
  if (others.length === 0) return [];
  return [
    { what: `the nft table${others.length === 1 ? '' : 's'} ${others.join(', ')}`, because: 'not made by Gantry' },
  ];
}

/** Older versions opened it in iptables mode and left no word of that. Others do, too. */
function openLoopback({ proxy, isLoopbackRouteConfigured }: ResetFacts): readonly Left[] {
  if (proxy.loopback !== 'open' || isLoopbackRouteConfigured) return [];
  return [
    {
      what: `the kernel setting ${LOOPBACK_ROUTE}=1`,
      because: `by it neighbours reach what listens on 127.0.0.1 alone; an older version opened it in iptables mode, or somebody else has: where nobody needs it, close it by "sysctl -w ${LOOPBACK_ROUTE}=0"`,
    },
  ];
}

function networkRemovals(facts: ResetFacts, names: ResetNames): Removal[] {
  const bridge = facts.links.find(({ name, kind }) => name === names.bridge && kind === 'bridge');
  const podLinks = facts.links.filter(
    ({ name, kind, master }) =>
      names.podLinks.some(pattern => pattern.test(name)) &&
      // a veth is ours by its bridge; what leads traffic of pods through a queue is known by its name alone
      (kind === 'ifb' || (kind === 'veth' && master !== undefined && master === bridge?.index)),
  );
  return [
    ...facts.tables
      .filter(name => names.tables.includes(name))
      .map((name): Removal => ({ kind: 'table', name, because: 'rules of this node' })),
    ...facts.spareTables.map((name): Removal => ({ kind: 'table', name, because: 'empty, and not there before' })),
    ...(facts.proxy.chains.length === 0
      ? []
      : [{ kind: 'proxy-rules', traces: facts.proxy.chains, because: 'rules of the service proxy' } as const]),
    ...facts.routes
      .filter(({ protocol }) => protocol === names.routeProtocol)
      .map((route): Removal => ({ kind: 'route', route, because: 'to the pods of another node' })),
    ...(podLinks.length === 0
      ? []
      : [{ kind: 'links', names: podLinks.map(({ name }) => name), because: 'of pods' } as const]),
    ...(bridge === undefined ? [] : [{ kind: 'links', names: [bridge.name], because: 'the bridge of pods' } as const]),
    ...facts.addresses
      .filter(({ ip }) => ip === names.dnsAddress)
      .map((address): Removal => ({ kind: 'address', address, because: 'where pods asked for names' })),
  ];
}
