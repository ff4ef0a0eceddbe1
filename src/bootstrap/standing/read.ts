import { existsSync, readFileSync } from 'node:fs';
import type { ConfigMap } from '../../api/types/gen/core-v1.ts';
import { errorMessage, isNotFound } from '../../base/errors.ts';
import { deadlineSignal } from '../../base/signals.ts';
import { ApiConnection } from '../../client/connection.ts';
import { readKubeconfig } from '../../client/kubeconfig.ts';
import { ResourceClient } from '../../client/resource-client.ts';
import { type Files, filesBelow } from '../files.ts';
import { filesOf, type Marker } from '../marker/format.ts';
import { etcdMember } from '../marker/paths.ts';
import { readMarker } from '../marker.ts';
import { PROXY_CONFIG_KEY, PROXY_CONFIG_MAP } from '../proxy-configuration.ts';
import { CONTROL_PLANE_SERVICE, type Services } from '../services.ts';
import { hostInUrl } from '../settings.ts';
import { type Documents, fieldAt, type Written } from './documents.ts';
import type { Made } from './fixed-fields.ts';
import type { LiveTexts } from './live.ts';
import { readRecord, recordDocuments, unusableRecord } from './record.ts';

/** What an `init` before has left here, wholly or in part. */
export interface Standing {
  readonly documents: Documents;
  /** The file that they are of. */
  readonly from: string;
  readonly made: Made;
  /** What the cluster's ConfigMaps hold by now, where a whole `init` has written them. */
  readonly live?: LiveTexts;
  /** Why they could not be read. */
  readonly silentBecause?: string;
  /** They are not asked, since what `init` goes by is not in them wholly: an `init` before did not end, or a phase alone has changed something. */
  readonly isAhead?: true;
}

/** Undefined where no `init` has come as far as that. Throws `failed-precondition` where what it went by cannot be read. Changes nothing. */
export async function readStanding(services: Services | undefined, signal: AbortSignal): Promise<Standing | undefined> {
  const defaults = filesBelow('/');
  const marker = readMarker(defaults);
  if (marker?.command !== 'init') return undefined;
  const record = readRecord(defaults);
  const documents = record?.documents ?? (await documentsWithoutRecord(defaults, services));
  if (documents === undefined) return undefined;
  const made = await madeHere(marker, defaults, services);
  const from = record === undefined ? defaults.clusterConfiguration : defaults.initConfiguration;
  const common = { documents, from, made };
  const endpoint = fieldAt(documents.init ?? {}, ['localAPIEndpoint']) as ApiEndpoint | undefined;
  if (!made.controlPlane || endpoint === undefined) return common;
  if (record?.isFinished === false) return { ...common, isAhead: true };
  try {
    return { ...common, live: await readLive(defaults.adminConf, endpoint, signal) };
  } catch (error) {
    signal.throwIfAborted();
    return { ...common, silentBecause: errorMessage(error) };
  }
}

interface ApiEndpoint {
  readonly advertiseAddress: string;
  readonly bindPort: number;
}

/** Long enough for one that is well; whoever runs `init` because it is not does not wait for it. */
const LIVE_TIMEOUT_MS = 3000;

async function readLive(
  adminConf: string,
  { advertiseAddress, bindPort }: ApiEndpoint,
  signal: AbortSignal,
): Promise<LiveTexts> {
  const server = `https://${hostInUrl(advertiseAddress)}:${bindPort}`;
  const connection = new ApiConnection({ ...readKubeconfig(adminConf), server }, { userAgent: 'gantry-init' });
  const looking = deadlineSignal(LIVE_TIMEOUT_MS, `the API server at ${server}`, signal);
  const configMaps = new ResourceClient<ConfigMap>(connection, { group: '', version: 'v1', plural: 'configmaps' });
  const textOf = async (name: string, key: string): Promise<string | undefined> => {
    try {
      return (await configMaps.get('kube-system', name, looking.signal)).data?.[key];
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  };
  try {
    return {
      cluster: await textOf('kubeadm-config', 'ClusterConfiguration'),
      kubelet: await textOf('kubelet-config', 'kubelet'),
      proxy: await textOf(PROXY_CONFIG_MAP, PROXY_CONFIG_KEY),
    };
  } finally {
    looking.release();
    connection.close();
  }
}

async function madeHere(marker: Marker, defaults: Files, services: Services | undefined): Promise<Made> {
  const files = filesOf(marker, defaults);
  const controlPlane = ((await services?.traces(CONTROL_PLANE_SERVICE)) ?? []).length > 0;
  return {
    certificates: controlPlane || marker.made.some(path => path.startsWith(`${files.pkiDir}/`)),
    etcd: controlPlane || marker.made.includes(etcdMember(files)),
    controlPlane,
  };
}

/** Of a cluster that was made before there was a record: its ClusterConfiguration, and what its control plane is started with. */
async function documentsWithoutRecord(
  { clusterConfiguration }: Files,
  services: Services | undefined,
): Promise<Documents | undefined> {
  if (!existsSync(clusterConfiguration)) return undefined;
  const init = initOf((await services?.words(CONTROL_PLANE_SERVICE)) ?? []);
  try {
    return { ...recordDocuments(readFileSync(clusterConfiguration, 'utf8'), clusterConfiguration), init };
  } catch (error) {
    throw unusableRecord(errorMessage(error), clusterConfiguration);
  }
}

function initOf(words: readonly string[]): Written | undefined {
  const of = (flag: string): string | undefined =>
    words.find(word => word.startsWith(`--${flag}=`))?.slice(flag.length + 3);
  const name = of('node-name');
  if (name === undefined) return undefined;
  return {
    localAPIEndpoint: { advertiseAddress: of('advertise-address'), bindPort: Number(of('secure-port') ?? 6443) },
    nodeRegistration: { name },
  };
}
