import { readFileSync } from 'node:fs';
import { decodeManifest, validateDecoded } from '../api/decode/manifest.ts';
import { problemLine } from '../api/decode/problem.ts';
import type { KubeletConfiguration } from '../api/types/gen/kubelet-v1beta1.ts';
import { errorMessage, internalError, invalidArgument } from '../base/errors.ts';

const API_VERSION = 'kubelet.config.k8s.io/v1beta1';
const KIND = 'KubeletConfiguration';

/** Reads a KubeletConfiguration, strictly. Throws one line per problem with file, line and field. */
export function readKubeletConfiguration(file: string): KubeletConfiguration {
  const decoded = decodeManifest(read(file), { kinds: [KIND] });
  const problems = [...decoded.problems, ...decoded.objects.flatMap(o => validateDecoded(o))];
  if (problems.length > 0) throw invalidArgument(problems.map(p => problemLine(file, p)).join('; '));
  const [only, ...more] = decoded.objects;
  if (only === undefined || more.length > 0)
    throw invalidArgument(`${file}: it must hold one ${KIND}, and holds ${decoded.objects.length}`);
  return only.object as KubeletConfiguration;
}

/** What holds where no file says otherwise. */
export function defaultKubeletConfiguration(): KubeletConfiguration {
  const [only] = decodeManifest(JSON.stringify({ apiVersion: API_VERSION, kind: KIND })).objects;
  if (only === undefined) throw internalError(`${KIND} is not in the schema table`);
  return only.object as KubeletConfiguration;
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw invalidArgument(`the configuration cannot be read: ${errorMessage(error)}`);
  }
}
