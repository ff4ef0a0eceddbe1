import { GantryError, invalidArgument } from '../../base/errors.ts';
import type { ImageConfig } from './ports.ts';
import { isDigest } from './reference.ts';

/** Reads the documents of the OCI image spec 1.1 and Docker's schema 2. Pure; every refusal says what the document is. */

const OCI = 'application/vnd.oci.image';
const DOCKER = 'application/vnd.docker';
const INDEX_TYPES: readonly string[] = [`${OCI}.index.v1+json`, `${DOCKER}.distribution.manifest.list.v2+json`];
const MANIFEST_TYPES: readonly string[] = [`${OCI}.manifest.v1+json`, `${DOCKER}.distribution.manifest.v2+json`];
const CONFIG_TYPES: readonly string[] = [`${OCI}.config.v1+json`, `${DOCKER}.container.image.v1+json`];
const LAYER_TYPES: readonly string[] = [
  `${OCI}.layer.v1.tar`,
  `${OCI}.layer.v1.tar+gzip`,
  `${OCI}.layer.v1.tar+zstd`,
  `${DOCKER}.image.rootfs.diff.tar.gzip`,
  `${DOCKER}.image.rootfs.diff.tar`,
  `${DOCKER}.image.rootfs.diff.tar.zstd`,
];

/** What is sent as Accept when a manifest is asked for. */
export const MANIFEST_ACCEPT = [...MANIFEST_TYPES, ...INDEX_TYPES].join(', ');

/** An image has at most this many layers: overlayfs stops at 500, and the mount options must fit in a page. */
const MAX_LAYERS = 128;

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant: string;
}

export type ManifestDocument =
  | {
      readonly kind: 'index';
      readonly manifests: readonly (Descriptor & { readonly platform: Platform | undefined })[];
    }
  | { readonly kind: 'image'; readonly config: Descriptor; readonly layers: readonly Descriptor[] };

export interface ConfigDocument {
  readonly platform: Platform;
  /** sha256 of each layer's uncompressed tar, bottom first. */
  readonly diffIds: readonly string[];
  readonly config: ImageConfig;
}

type Json = Readonly<Record<string, unknown>>;

/** Reads a manifest or an index. `contentType` is what the registry called it; the document's own mediaType goes first. */
export function parseManifest(bytes: Uint8Array, contentType: string): ManifestDocument {
  const document = parseJson(bytes, 'the manifest');
  const mediaType = text(document['mediaType']) || (contentType.split(';')[0] ?? '').trim();
  if (document['schemaVersion'] === 1 || mediaType.startsWith(`${DOCKER}.distribution.manifest.v1+`))
    throw refused(
      'the image has a Docker schema 1 manifest, which no registry should serve any more: push the image again with a current tool',
    );
  if (INDEX_TYPES.includes(mediaType) || (mediaType === '' && Array.isArray(document['manifests']))) {
    return {
      kind: 'index',
      manifests: list(document['manifests'], 'manifests').map(m => ({
        ...descriptor(m, 'a manifest of the index'),
        platform: platformOf((m as Json)['platform']),
      })),
    };
  }
  if (!MANIFEST_TYPES.includes(mediaType) && !(mediaType === '' && Array.isArray(document['layers'])))
    throw refused(
      `the registry answered with ${mediaType === '' ? 'an unknown document' : mediaType}, which is not an image manifest`,
    );
  const config = descriptor(document['config'], 'the config');
  const artifact = text(document['artifactType']);
  if (!CONFIG_TYPES.includes(config.mediaType))
    throw refused(`this is not a container image but an artifact of type ${artifact || config.mediaType}`);
  const layers = list(document['layers'], 'layers').map(l => descriptor(l, 'a layer'));
  if (layers.length > MAX_LAYERS)
    throw refused(`the image has ${layers.length} layers; at most ${MAX_LAYERS} can be mounted`);
  for (const layer of layers) checkLayerType(layer);
  return { kind: 'image', config, layers };
}

function checkLayerType(layer: Descriptor): void {
  const type = layer.mediaType;
  if (LAYER_TYPES.includes(type)) return;
  if (type.includes('nondistributable') || type.includes('.foreign.'))
    throw refused(`layer ${layer.digest} is a non-distributable layer (${type}): it cannot be pulled from a registry`);
  if (type.endsWith('+encrypted')) throw refused(`layer ${layer.digest} is encrypted (${type})`);
  throw refused(`layer ${layer.digest} has the unknown media type ${type}`);
}

/** The machine's platform from Node's name of the architecture and, for amd64, the level of its processor. */
export function platformFor(nodeArch: string, level = ''): Platform {
  const known: Readonly<Record<string, Platform>> = {
    x64: { os: 'linux', architecture: 'amd64', variant: level },
    arm64: { os: 'linux', architecture: 'arm64', variant: 'v8' },
    arm: { os: 'linux', architecture: 'arm', variant: 'v7' },
    ia32: { os: 'linux', architecture: '386', variant: '' },
    // Node has one name for both byte orders; Linux distributions have the little one alone.
    ppc64: { os: 'linux', architecture: 'ppc64le', variant: '' },
  };
  return known[nodeArch] ?? { os: 'linux', architecture: nodeArch, variant: '' };
}

const AMD64_LEVELS: readonly string[] = ['v1', 'v2', 'v3', 'v4'];
const ARM_VARIANTS: readonly string[] = ['v8', 'v7', 'v6', 'v5'];

/**
 * The first manifest of an index that runs on `wanted`: same OS and architecture; the best variant that is not above the machine's. Where none does, the first
 * manifest without a platform, whose config will tell, as containerd has it. Attestations (platform unknown/unknown) are passed over. Throws `not-found`
 * that lists what is there.
 */
export function chooseManifest(
  manifests: readonly (Descriptor & { readonly platform: Platform | undefined })[],
  wanted: Platform,
): Descriptor {
  const rank = (p: Platform | undefined): number => {
    if (p === undefined || p.os !== wanted.os || p.architecture !== wanted.architecture) return -1;
    if (p.architecture === 'amd64') return amd64Rank(p.variant, wanted.variant);
    const variant = p.variant || defaultVariant(p.architecture);
    const own = wanted.variant || defaultVariant(wanted.architecture);
    if (variant === own) return 100;
    if (p.architecture !== 'arm') return p.variant === '' ? 90 : -1;
    const distance = ARM_VARIANTS.indexOf(variant) - ARM_VARIANTS.indexOf(own);
    return distance < 0 || !ARM_VARIANTS.includes(variant) ? -1 : 90 - distance;
  };
  let best: Descriptor | undefined;
  let bestRank = -1;
  for (const m of manifests) {
    const r = rank(m.platform);
    if (r > bestRank) {
      best = m;
      bestRank = r;
    }
  }
  best ??= manifests.find(m => m.platform === undefined && MANIFEST_TYPES.includes(m.mediaType) && !isAttestation(m));
  if (best !== undefined) return best;
  const there = manifests.flatMap(m =>
    m.platform === undefined || m.platform.os === 'unknown' ? [] : [platformText(m.platform)],
  );
  throw new GantryError(
    'not-found',
    `no image for ${platformText(wanted)} in this index; it has ${there.length === 0 ? 'none with a platform' : [...new Set(there)].join(', ')}`,
  );
}

/** An image for every machine goes before one for better ones, as containerd has it; of those the nearest to every machine, if this one is good enough. */
function amd64Rank(variant: string, own: string): number {
  const level = AMD64_LEVELS.indexOf(variant || 'v1');
  if (level < 0 || level > AMD64_LEVELS.indexOf(own || 'v1')) return -1;
  return variant === '' ? 100 : 90 - level;
}

function isAttestation({ annotations }: Descriptor): boolean {
  return annotations['vnd.docker.reference.type'] === 'attestation-manifest';
}

function defaultVariant(architecture: string): string {
  if (architecture === 'arm64') return 'v8';
  return architecture === 'arm' ? 'v7' : '';
}

function platformText(p: Platform): string {
  return [p.os, p.architecture, ...(p.variant === '' ? [] : [p.variant])].join('/');
}

/** Reads an image config. Throws when the number of diff ids is not `layerCount`. */
export function parseConfig(bytes: Uint8Array, layerCount: number): ConfigDocument {
  const document = parseJson(bytes, 'the image config');
  const rootfs = object(document['rootfs']);
  const diffIds = list(rootfs['diff_ids'], 'rootfs.diff_ids').map(d => {
    const id = text(d);
    if (!isDigest(id)) throw refused(`the image config has the diff id "${id}", which is not a sha256 digest`);
    return id;
  });
  if (diffIds.length !== layerCount)
    throw refused(`the image config names ${diffIds.length} layers and the manifest ${layerCount}`);
  const config = object(document['config']);
  return {
    platform: {
      os: text(document['os']) || 'linux',
      architecture: text(document['architecture']),
      variant: text(document['variant']),
    },
    diffIds,
    config: {
      user: text(config['User']),
      env: strings(config['Env']),
      entrypoint: strings(config['Entrypoint']),
      cmd: strings(config['Cmd']),
      workingDir: text(config['WorkingDir']),
      stopSignal: text(config['StopSignal']),
      volumes: Object.keys(object(config['Volumes'])),
      labels: Object.fromEntries(Object.entries(object(config['Labels'])).map(([k, v]) => [k, text(v)])),
    },
  };
}

function parseJson(bytes: Uint8Array, what: string): Json {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    throw refused(`${what} is not JSON`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw refused(`${what} is not a JSON object`);
  return value as Json;
}

/** Reads one descriptor; `what` names it in the refusal. */
export function descriptor(value: unknown, what: string): Descriptor {
  const d = object(value);
  const digest = text(d['digest']);
  const size = d['size'];
  if (!isDigest(digest)) throw refused(`${what} has the digest "${digest}", which is not a sha256 digest`);
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
    throw refused(`${what} (${digest}) has no valid size`);
  const annotations = Object.fromEntries(Object.entries(object(d['annotations'])).map(([k, v]) => [k, text(v)]));
  return { mediaType: text(d['mediaType']), digest, size, annotations };
}

function platformOf(value: unknown): Platform | undefined {
  const p = object(value);
  const architecture = text(p['architecture']);
  return architecture === '' ? undefined : { os: text(p['os']), architecture, variant: text(p['variant']) };
}

const refused = (message: string): GantryError => invalidArgument(message);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const object = (value: unknown): Json => (typeof value === 'object' && value !== null ? (value as Json) : {});
const strings = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.filter(v => typeof v === 'string') : [];

function list(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw refused(`${what} is missing or not a list`);
  return value;
}
