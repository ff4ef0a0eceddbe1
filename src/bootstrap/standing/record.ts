import { existsSync, readFileSync } from 'node:fs';
import { parse, stringify } from 'yaml';
import { errorMessage, failedPrecondition, type GantryError } from '../../base/errors.ts';
import { clusterConfigurationText } from '../cluster-configuration.ts';
import { parseConfiguration } from '../configuration/read-documents.ts';
import type { Files } from '../files.ts';
import { type InitSettings, validityText } from '../settings.ts';
import { type Documents, KINDS, type Written, wholeDocuments } from './documents.ts';

/**
 * What `init` was told, as `--config` would take it: in YAML 1.1, so that a name `yes` is no boolean to who reads it as kubeadm does, but for its tokens: with every field that a later command has to know, whatever the defaults are by then. Documents of
 * kubelet and proxy hold what the admin has said alone. Pure.
 */
export function recordText(settings: InitSettings, files: Pick<Files, 'pkiDir'>): string {
  const { cluster } = settings;
  const said = (fields: Written): Written | undefined => (Object.keys(fields).length === 0 ? undefined : fields);
  const documents = wholeDocuments({
    init: initDocument(settings),
    cluster: parse(clusterConfigurationText(cluster, files)) as Written,
    kubelet: said(cluster.kubelet),
    proxy: said(cluster.proxy),
  });
  return documents
    .map(document => stringify(document, { sortMapEntries: true, lineWidth: 0, version: '1.1' }))
    .join('---\n');
}

/**
 * What the next `init` goes by. `skipPhases`, `nodeRegistration.ignorePreflightErrors` and `dryRun` are of one run, as with kubeadm, which keeps none of them: who let an error pass or left a phase out
 * once is asked again. A cluster without proxy or DNS server is no phase left out: ClusterConfiguration has that (`proxy.disabled`, `dns.disabled`).
 */
function initDocument({
  nodeName,
  nodeLabels,
  taints,
  nodeArgs,
  advertiseAddress,
  bindPort,
  patience,
}: InitSettings): Written {
  const labels = Object.entries(nodeLabels).map(([name, value]) => `${name}=${value}`);
  return {
    localAPIEndpoint: { advertiseAddress, bindPort },
    nodeRegistration: {
      name: nodeName,
      taints,
      kubeletExtraArgs: [
        ...nodeArgs,
        ...(labels.length === 0 ? [] : [{ name: 'node-labels', value: labels.join(',') }]),
      ],
    },
    timeouts: {
      controlPlaneComponentHealthCheck: validityText(patience.controlPlaneMs),
      etcdAPICall: validityText(patience.etcdMs),
      kubeletHealthCheck: validityText(patience.kubeletMs),
      kubernetesAPICall: validityText(patience.apiCallMs),
    },
  };
}

/** The documents of a text, but for the version, which is always this program's own. Throws `invalid-argument` with all that is wrong. Pure. */
export function recordDocuments(text: string, name: string): Documents {
  const { documents } = parseConfiguration(text, name);
  const of = (kind: string) => documents.find(document => document.kind === kind)?.written;
  const cluster = of(KINDS.cluster);
  return {
    init: of(KINDS.init),
    cluster:
      cluster === undefined
        ? undefined
        : Object.fromEntries(Object.entries(cluster).filter(([field]) => field !== 'kubernetesVersion')),
    kubelet: of(KINDS.kubelet),
    proxy: of(KINDS.proxy),
  };
}

/** The first line while what follows is not known to be in the cluster wholly. */
const UNFINISHED = '# not everywhere yet: "gantry init" goes on\n';

/** How far the command is that leaves a record. */
export interface Progress {
  /** A whole `init` has come through. */
  readonly isFinished: boolean;
  /** It asks for something else than what stands. */
  readonly changes: boolean;
}

/** What is to be in the file after `before`, which is empty where there was none. Pure. */
export function nextRecord(before: string, text: string, { isFinished, changes }: Progress): string {
  const wasFinished = before !== '' && !before.startsWith(UNFINISHED);
  const isThere = before === text || before === `${UNFINISHED}${text}`;
  if (isFinished || (wasFinished && (isThere || !changes))) return text;
  return `${UNFINISHED}${text}`;
}

/** What the last command here went by. */
export interface Record {
  readonly documents: Documents;
  /** A whole `init` has brought it everywhere: what the cluster's ConfigMaps say otherwise is an admin's change of them. */
  readonly isFinished: boolean;
}

/** Undefined where no command has left one. Throws `failed-precondition` where it cannot be used. */
export function readRecord({ initConfiguration }: Pick<Files, 'initConfiguration'>): Record | undefined {
  if (!existsSync(initConfiguration)) return undefined;
  try {
    const text = readFileSync(initConfiguration, 'utf8');
    return { documents: recordDocuments(text, initConfiguration), isFinished: !text.startsWith(UNFINISHED) };
  } catch (error) {
    throw unusableRecord(errorMessage(error), initConfiguration);
  }
}

/** What is said where a file that says what the cluster was made with has something that cannot be; `isGivable` where a document that is given takes the place of what it is in. Pure. */
export function unusableRecord(problem: string, path: string, isGivable = false): GantryError {
  return failedPrecondition(
    `${problem}\nthis is in ${path}, which holds what the cluster here was made with, and what init goes by: ${isGivable ? 'give the whole document anew with --config, without it, or ' : ''}mend it there, or take out of it what this version does not know`,
  );
}
