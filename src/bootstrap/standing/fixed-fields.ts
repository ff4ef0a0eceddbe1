import type { InitSettings } from '../settings.ts';
import type { FieldPlace } from './documents.ts';

/** What was made here by commands before. */
export interface Made {
  /** Some certificate or key, in the directory that the marker names; or a control plane goes by those that somebody has put there. */
  readonly certificates: boolean;
  /** The data of an etcd of this machine; or a control plane goes by what stood in its directory. */
  readonly etcd: boolean;
  /** The control plane was started: objects, other nodes and people hold what they were told. */
  readonly controlPlane: boolean;
}

/** What `init` makes, and where its certificates are. */
export interface Wanted {
  readonly settings: InitSettings;
  readonly pkiDir: string;
}

/** A field that a cluster which stands has for good. */
interface FixedField extends FieldPlace {
  /** The flag that says it, where there is one. */
  readonly flag?: string;
  /** What is there once it can no longer be changed. */
  readonly since: keyof Made;
  /** Undefined where it says nothing, as of a directory for an etcd that is elsewhere. */
  readonly valueIn: (wanted: Wanted) => string | undefined;
  /** Why, and who would break. */
  readonly because: string;
}

const TOLD = 'the kubeconfigs here and all nodes that have joined reach the cluster by it';

const FIXED: readonly FixedField[] = [
  {
    ...{ kind: 'cluster', path: ['networking', 'podSubnet'], flag: '--pod-network-cidr', since: 'controlPlane' },
    valueIn: ({ settings }) => settings.cluster.podSubnet,
    because: 'nodes and pods have their addresses of it',
  },
  {
    ...{ kind: 'cluster', path: ['networking', 'serviceSubnet'], flag: '--service-cidr', since: 'controlPlane' },
    valueIn: ({ settings }) => settings.cluster.serviceSubnet,
    because: 'Services and the certificate of the API server have their addresses of it',
  },
  {
    ...{ kind: 'cluster', path: ['networking', 'dnsDomain'], flag: '--service-dns-domain', since: 'controlPlane' },
    valueIn: ({ settings }) => settings.cluster.dnsDomain,
    because: 'pods look names up in it, and tokens of service accounts name it as their issuer',
  },
  {
    ...{ kind: 'cluster', path: ['clusterName'], since: 'controlPlane' },
    valueIn: ({ settings }) => settings.cluster.clusterName,
    because: 'kubeconfigs name it',
  },
  {
    ...{ kind: 'cluster', path: ['controlPlaneEndpoint'], flag: '--control-plane-endpoint', since: 'controlPlane' },
    valueIn: ({ settings }) => settings.cluster.controlPlaneEndpoint,
    because: TOLD,
  },
  {
    ...{ kind: 'cluster', path: ['certificatesDir'], flag: '--cert-dir', since: 'certificates' },
    valueIn: ({ pkiDir }) => pkiDir,
    because: 'the keys of its CAs are there',
  },
  {
    ...{ kind: 'cluster', path: ['etcd'], since: 'controlPlane' },
    valueIn: ({ settings: { cluster } }) =>
      cluster.etcd.kind === 'local' ? 'an etcd of this machine' : 'an etcd of somebody else',
    because: 'all objects are in it',
  },
  {
    ...{ kind: 'cluster', path: ['etcd', 'local', 'dataDir'], isPartOfChoice: true, since: 'etcd' },
    valueIn: ({ settings: { cluster } }) =>
      cluster.etcd.kind === 'local' ? withoutSlash(cluster.etcd.dataDir) : undefined,
    because: 'all objects are there',
  },
  {
    ...{ kind: 'init', path: ['nodeRegistration', 'name'], flag: '--node-name', since: 'controlPlane' },
    valueIn: ({ settings }) => settings.nodeName,
    because: 'its Node, its certificates and its member of etcd have that name',
  },
  {
    ...{ kind: 'init', path: ['localAPIEndpoint', 'advertiseAddress'], flag: '--apiserver-advertise-address' },
    since: 'controlPlane',
    valueIn: ({ settings }) => settings.advertiseAddress,
    because: TOLD,
  },
  {
    ...{ kind: 'init', path: ['localAPIEndpoint', 'bindPort'], flag: '--apiserver-bind-port', since: 'controlPlane' },
    valueIn: ({ settings }) => String(settings.bindPort),
    because: TOLD,
  },
];

/** A directory as it is written without more at its end. Pure. */
export function withoutSlash(path: string): string {
  return path.replace(/(?<=.)\/+$/, '');
}

/** Where they are. */
export const FIXED_PLACES: readonly FieldPlace[] = FIXED;

/** Not fixed, and no reason to taint anew a node whose taint somebody took off: a file that says nothing of taints leaves them. */
const TAINTS: FieldPlace = { kind: 'init', path: ['nodeRegistration', 'taints'] };

/** Fields of which a file need say nothing: by what was made they stay as they are. Pure. */
export function keptFields(made: Made): readonly FieldPlace[] {
  return [...FIXED.filter(({ since }) => made[since]), TAINTS];
}

/** A line for each field that is asked for and cannot be changed any more: the value that stands, the one asked for, and what to do. Pure. */
export function fixedFieldProblems(standing: Wanted, asked: Wanted, made: Made): readonly string[] {
  return FIXED.flatMap(({ path, flag, since, valueIn, because }) => {
    const before = valueIn(standing);
    const now = valueIn(asked);
    if (!made[since] || before === undefined || now === undefined || before === now) return [];
    const field = path.join('.');
    return [
      `${flag === undefined ? field : `${field} (${flag})`} is ${shown(before)} in the cluster that stands here, and cannot become ${shown(now)}: ${because}. Leave it out to keep the cluster; "gantry reset", and "gantry init" with it, make another`,
    ];
  });
}

function shown(value: string): string {
  return value === '' ? 'not set' : value;
}
