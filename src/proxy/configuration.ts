import { readFileSync } from 'node:fs';
import { decodeManifest, validateDecoded } from '../api/decode/manifest.ts';
import { problemLine } from '../api/decode/problem.ts';
import { findKind } from '../api/schema/kinds.ts';
import type { KubeProxyConfiguration } from '../api/types/gen/kubeproxy-v1alpha1.ts';
import { fieldErrorText } from '../api/validation/field-error.ts';
import { errorMessage, internalError, invalidArgument } from '../base/errors.ts';

const API_VERSION = 'kubeproxy.config.k8s.io/v1alpha1';
const KIND = 'KubeProxyConfiguration';

/** Flags that stand above the file. */
export interface ConfigurationFlags {
  readonly clusterCidr?: string;
  readonly nodeportAddresses?: string;
  /** `nftables`, `iptables` or `ipvs`. */
  readonly proxyMode?: string;
}

/** The configuration: the file's, strictly read, or the defaults without one, with the flags over it. Throws one line per problem with file, line and field. */
export function readProxyConfiguration(file: string | undefined, flags: ConfigurationFlags): KubeProxyConfiguration {
  const base = file === undefined ? defaults() : read(file);
  const { clusterCidr, nodeportAddresses, proxyMode } = flags;
  const config = {
    ...base,
    ...(clusterCidr === undefined ? {} : { clusterCIDR: clusterCidr }),
    ...(nodeportAddresses === undefined ? {} : { nodePortAddresses: nodeportAddresses.split(',') }),
    ...(proxyMode === undefined ? {} : { mode: proxyMode }),
  };
  const problems = findKind(API_VERSION, KIND)?.validate(config) ?? [];
  if (problems.length > 0) throw invalidArgument(problems.map(fieldErrorText).join('; '));
  return config;
}

function read(file: string): KubeProxyConfiguration {
  const decoded = decodeManifest(textOf(file), { kinds: [KIND] });
  const problems = [...decoded.problems, ...decoded.objects.flatMap(o => validateDecoded(o))];
  if (problems.length > 0) throw invalidArgument(problems.map(p => problemLine(file, p)).join('; '));
  const [only, ...more] = decoded.objects;
  if (only === undefined || more.length > 0)
    throw invalidArgument(`${file}: it must hold one ${KIND}, and holds ${decoded.objects.length}`);
  return only.object as KubeProxyConfiguration;
}

function defaults(): KubeProxyConfiguration {
  const [only] = decodeManifest(JSON.stringify({ apiVersion: API_VERSION, kind: KIND })).objects;
  if (only === undefined) throw internalError(`${KIND} is not in the schema table`);
  return only.object as KubeProxyConfiguration;
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw invalidArgument(`the configuration cannot be read: ${errorMessage(error)}`);
  }
}
