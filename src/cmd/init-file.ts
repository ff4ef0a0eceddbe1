import type { BootstrapToken } from '../api/types/gen/bootstraptoken-v1.ts';
import type { InitConfiguration } from '../api/types/gen/kubeadm-v1beta4.ts';
import { invalidArgument } from '../base/errors.ts';
import { hostPort } from '../bootstrap/configuration/field-rules.ts';
import { type ConfigurationDocument, readConfigurationFile } from '../bootstrap/configuration/read-documents.ts';
import { hostInUrl } from '../bootstrap/settings.ts';

/** What a file of `gantry init --config` tells the commands for a cluster that stands; undefined where it does not say it. */
export interface InitFile {
  readonly tokens: readonly BootstrapToken[] | undefined;
  readonly certificatesDir: string | undefined;
  readonly certificateValidityPeriod: string | undefined;
  readonly clusterName: string | undefined;
  /** `https://host:port` of the cluster, or of its API server. */
  readonly server: string | undefined;
}

const API_SERVER_PORT = 6443;

/** Throws `invalid-argument` with file, line and field of everything that is wrong, and where it is about no cluster. What there is to warn of goes to standard error. */
export function readInitFile(path: string): InitFile {
  const { documents, warnings } = readConfigurationFile(path);
  for (const warning of warnings) process.stderr.write(`[config] WARNING: ${warning}\n`);
  const init = documents.find(({ kind }) => kind === 'InitConfiguration');
  const cluster = documents.find(({ kind }) => kind === 'ClusterConfiguration');
  if (init === undefined && cluster === undefined)
    throw invalidArgument(
      `${path}: no InitConfiguration or ClusterConfiguration kind was found in the configuration file`,
    );
  return {
    tokens: (init?.object as InitConfiguration | undefined)?.bootstrapTokens,
    certificatesDir: textOf(cluster, 'certificatesDir'),
    certificateValidityPeriod: textOf(cluster, 'certificateValidityPeriod'),
    clusterName: textOf(cluster, 'clusterName'),
    server: serverOf(textOf(cluster, 'controlPlaneEndpoint'), init),
  };
}

/** Of what stands in the file: kubeadm's defaults are not what this cluster was made with. */
function textOf(document: ConfigurationDocument | undefined, field: string): string | undefined {
  const value = document?.written[field];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function serverOf(endpoint: string | undefined, init: ConfigurationDocument | undefined): string | undefined {
  const { advertiseAddress, bindPort } = (init?.written['localAPIEndpoint'] ?? {}) as {
    readonly advertiseAddress?: string;
    readonly bindPort?: number;
  };
  const parts = hostPort(endpoint ?? advertiseAddress ?? '');
  return parts === undefined
    ? undefined
    : `https://${hostInUrl(parts.host)}:${parts.port ?? bindPort ?? API_SERVER_PORT}`;
}
