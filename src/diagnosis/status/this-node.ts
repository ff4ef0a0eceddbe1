import { existsSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { parse } from 'yaml';
import { errorMessage, failedPrecondition, unavailable } from '../../base/errors.ts';
import { managedCertificates } from '../../bootstrap/certificates/renewal/inventory.ts';
import type { Files } from '../../bootstrap/files.ts';
import type { Marker } from '../../bootstrap/marker/format.ts';
import { readMarker } from '../../bootstrap/marker.ts';
import { CONTROL_PLANE_SERVICE, CRI_SERVICE, ETCD_SERVICE, NODE_SERVICE } from '../../bootstrap/services.ts';
import { type ApiEndpoint, readKubeconfig } from '../../client/kubeconfig.ts';
import { certificateIdentity, parseCertificate } from '../../pki/certificate.ts';
import { certificateAt } from '../reach/certificates.ts';
import { statusPlaces } from '../reach/places.ts';
import { Reach } from '../reach/reach.ts';

/** What kind of node this machine is. */
export interface ThisNode {
  readonly files: Files;
  /** Which of their directories answer. */
  readonly reach: Reach;
  readonly name: string;
  readonly role: 'control-plane' | 'node';
  /** It has an etcd of its own. */
  readonly localEtcd: boolean;
  /** Its daemon serves Services: in a cluster without the proxy somebody else does. */
  readonly hasProxy: boolean;
  /** The daemons that it needs, in the order in which they need each other. */
  readonly daemons: readonly string[];
}

/** Where the node of this machine has its files, and which of these places answer: nobody may read in the others. Takes a moment, or as long as a place is waited for. */
export async function placesHere(
  defaults: Files,
  signal: AbortSignal,
): Promise<{ readonly files: Files; readonly marker: Marker | undefined; readonly reach: Reach }> {
  const reach = await new Reach().look(statusPlaces(defaults), signal);
  const marker = reach.silenceAt(defaults.marker) === undefined ? readMarker(defaults) : undefined;
  const files = { ...defaults, ...marker?.places };
  const { pkiDir, etcdDataDir } = files;
  const moved = pkiDir !== defaults.pkiDir || etcdDataDir !== defaults.etcdDataDir;
  return { files, marker, reach: moved ? await reach.look(statusPlaces(files), signal) : reach };
}

/** Undefined where neither `gantry init` nor `gantry join` has made a node of this machine. Throws a sentence where that cannot be told, because what would show it does not answer. */
export function thisNode({ files, marker, reach }: Awaited<ReturnType<typeof placesHere>>): ThisNode | undefined {
  const isThere = (path: string): boolean => reach.silenceAt(path) === undefined && existsSync(path);
  const traces = [files.kubeletConf, files.bootstrapKubeletConf, `${files.pkiDir}/apiserver.crt`];
  if (marker === undefined && !traces.some(isThere)) {
    const silences = [files.marker, ...traces].flatMap(path => reach.silenceAt(path) ?? []);
    if (silences.length > 0)
      throw unavailable(`whether this machine is a node cannot be told: ${[...new Set(silences)].join(', and ')}`);
    return undefined;
  }
  // an admin may have put an admin.conf on any node: it makes no control plane of it
  const isControlPlane = marker?.command === 'init' || isThere(`${files.pkiDir}/apiserver.crt`);
  const { etcd, proxy } = isThere(files.clusterConfiguration) ? clusterConfiguration(files) : {};
  const localEtcd = isControlPlane && marker?.externalEtcd === undefined && etcd?.external === undefined;
  return {
    files,
    reach,
    name: nodeName(files, reach),
    role: isControlPlane ? 'control-plane' : 'node',
    localEtcd,
    // most clusters have it: where its configuration does not answer it is asked for
    hasProxy:
      (reach.silenceAt(files.proxyConfig) !== undefined || existsSync(files.proxyConfig)) && proxy?.disabled !== true,
    daemons: [
      ...(localEtcd ? [ETCD_SERVICE] : []),
      ...(isControlPlane ? [CONTROL_PLANE_SERVICE] : []),
      CRI_SERVICE,
      NODE_SERVICE,
    ],
  };
}

/** How the API server is asked: as the admin where this machine may, else as its kubelet. Throws a sentence where neither has credentials that hold. */
export function clusterEndpoint({ files, role, reach }: ThisNode, now: number): ApiEndpoint {
  const problems: string[] = [];
  for (const path of role === 'control-plane' ? [files.adminConf, files.kubeletConf] : [files.kubeletConf]) {
    const silence = reach.silenceAtKubeconfig(path);
    if (silence !== undefined) {
      problems.push(`${path}: ${silence}`);
      continue;
    }
    if (!existsSync(path)) {
      problems.push(`${path} is not there`);
      continue;
    }
    try {
      const endpoint = readKubeconfig(path);
      const expired =
        endpoint.certificate !== undefined && Date.parse(parseCertificate(endpoint.certificate.cert).validTo) <= now;
      if (!expired) return endpoint;
      problems.push(`the certificate of ${path} has expired`);
    } catch (error) {
      problems.push(errorMessage(error));
    }
  }
  throw failedPrecondition(problems.join('; '));
}

/** URL of the API server of this machine, as what runs beside it asks it: undefined where this is no control plane, or that cannot be told. */
export function ownApiServer({ files, role, reach }: ThisNode): string | undefined {
  const path = files.controllerManagerConf;
  if (role !== 'control-plane' || reach.silenceAtKubeconfig(path) !== undefined || !existsSync(path)) return undefined;
  try {
    return readKubeconfig(path).server;
  } catch {
    return undefined;
  }
}

/** As the kubelet's certificate has it; the name of the host where there is none yet, or its place does not answer. */
function nodeName(files: Files, reach: Reach): string {
  for (const managed of managedCertificates(files, true).filter(({ ofKubelet }) => ofKubelet)) {
    const found = certificateAt(managed, reach);
    if (found.state !== 'present') continue;
    const [, name] = /^system:node:(.+)$/.exec(certificateIdentity(parseCertificate(found.pem).raw).commonName) ?? [];
    if (name !== undefined) return name;
  }
  return hostname().toLowerCase();
}

/** As far as it is told here; nothing where it is not there yet, or cannot be read. */
function clusterConfiguration({ clusterConfiguration: path }: Files): {
  readonly etcd?: { readonly external?: unknown };
  readonly proxy?: { readonly disabled?: boolean };
} {
  try {
    return (parse(readFileSync(path, 'utf8')) as ReturnType<typeof clusterConfiguration> | null) ?? {};
  } catch {
    return {};
  }
}
