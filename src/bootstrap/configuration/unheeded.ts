import { durationMs } from '../../api/duration.ts';
import { DEFAULT_IMAGE_REPOSITORY, DEFAULT_PULL_POLICY, TIMEOUTS } from './defaults.ts';
import type { ConfigurationDocument } from './read-documents.ts';

/** The kinds that each command reads. */
const KINDS_OF = {
  init: ['InitConfiguration', 'ClusterConfiguration', 'KubeletConfiguration', 'KubeProxyConfiguration'],
  join: ['JoinConfiguration'],
  reset: ['ResetConfiguration'],
} as const;

/** A legal field of a kind that changes nothing here, and why; told where it says another thing than kubeadm's default. */
interface UnheededField {
  readonly path: string;
  readonly default?: unknown;
  readonly why: string;
}

const NO_IMAGES = 'no part of a cluster is an image here, and none is pulled';
const NO_WAIT = 'no step waits by it';

const PULLING: readonly UnheededField[] = [
  { path: 'nodeRegistration.imagePullPolicy', default: DEFAULT_PULL_POLICY, why: NO_IMAGES },
  { path: 'nodeRegistration.imagePullSerial', default: true, why: NO_IMAGES },
];

/** By kind; init-settings.ts, join/settings.ts and src/cmd/reset.ts read all else. */
const FIELDS: Readonly<Record<string, readonly UnheededField[]>> = {
  InitConfiguration: [...PULLING, ...timeLimits('tlsBootstrap', 'discovery', 'upgradeManifests')],
  ClusterConfiguration: [
    {
      path: 'imageRepository',
      default: DEFAULT_IMAGE_REPOSITORY,
      why: `${NO_IMAGES}: it is but kept in the ConfigMap kubeadm-config`,
    },
    ...['dns', 'etcd.local'].flatMap(part =>
      ['imageRepository', 'imageTag'].map(name => ({ path: `${part}.${name}`, why: NO_IMAGES })),
    ),
  ],
  JoinConfiguration: [...PULLING, ...timeLimits('controlPlaneComponentHealthCheck', 'etcdAPICall', 'upgradeManifests')],
  // src/kubelet/unheeded-fields.ts and src/proxy/unheeded-fields.ts have what their daemons leave alone
  KubeletConfiguration: [
    {
      path: 'rotateCertificates',
      default: true,
      why: 'each node of a cluster renews its certificate, as with kubeadm',
    },
  ],
  ResetConfiguration: timeLimits(...(Object.keys(TIMEOUTS) as (keyof typeof TIMEOUTS)[])),
};

/** A line for each document of a file that the command leaves alone. Pure. */
export function unheededDocuments(
  documents: readonly ConfigurationDocument[],
  command: keyof typeof KINDS_OF,
): readonly string[] {
  const kinds: readonly string[] = KINDS_OF[command];
  return documents
    .filter(({ kind }) => !kinds.includes(kind))
    .map(({ kind }) => `the document of kind ${kind} is not for ${command}, and ignored`);
}

/** A line for each field that stands in the documents and changes nothing here. Pure. */
export function unheededFields(documents: readonly ConfigurationDocument[]): readonly string[] {
  return documents.flatMap(({ kind, written }) =>
    (FIELDS[kind] ?? [])
      .filter(field => saysMore(valueAt(written, field.path), field.default))
      .map(({ path, why }) => `${kind}: ${path} is not heeded: ${why}`),
  );
}

/** Time limits of a kind that its command has no use for. */
function timeLimits(...names: readonly (keyof typeof TIMEOUTS)[]): readonly UnheededField[] {
  return names.map(name => ({ path: `timeouts.${name}`, default: TIMEOUTS[name], why: NO_WAIT }));
}

function saysMore(value: unknown, byDefault: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === byDefault) return false;
  const isDuration = typeof value === 'string' && typeof byDefault === 'string' && /^\d.*[a-z]$/.test(byDefault);
  return !isDuration || durationMs(value) !== durationMs(byDefault);
}

function valueAt(object: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((value, name) => (value as Readonly<Record<string, unknown>> | undefined | null)?.[name], object);
}
