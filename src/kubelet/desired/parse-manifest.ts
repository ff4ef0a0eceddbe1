import { decodeManifest, validateDecoded } from '../../api/decode/manifest.ts';
import { problemLine } from '../../api/decode/problem.ts';
import type { Pod } from '../../api/types/gen/core-v1.ts';
import { isPodUid } from '../pod-paths.ts';
import { apiReferenceOf } from './api-reference.ts';
import type { DesiredPod } from './desired-pod.ts';
import { nameStaticPod, type StaticPodOrigin } from './static-pod.ts';

/** What one manifest file says. */
export interface ManifestFile {
  readonly file: string;
  readonly pods: readonly DesiredPod[];
  /** One line each: file, line, field, and what is wrong. A file with any is bad; its good documents count all the same. */
  readonly problems: readonly string[];
}

/** Reads the documents of a file: YAML or JSON, one or several. A bad document is a problem and keeps no other from being read. */
export function parseManifest(text: string, origin: StaticPodOrigin): ManifestFile {
  const { file } = origin;
  const decoded = decodeManifest(text, { kinds: ['Pod'] });
  const problems = decoded.problems.map(p => problemLine(file, p));
  const pods: DesiredPod[] = [];
  for (const document of decoded.objects) {
    const pod = nameStaticPod(document.object as Pod, origin);
    const { uid = '', name = '', namespace = '' } = pod.metadata;
    const invalid = validateDecoded(document, pod);
    const { line, column } = document.position;
    const reference = apiReferenceOf(pod);
    if (invalid.length > 0) problems.push(...invalid.map(p => problemLine(file, p)));
    else if (!isPodUid(uid))
      problems.push(`${file}:${line}:${column}: metadata.uid: "${uid}" may have letters, digits, - and _ only`);
    else if (reference !== undefined)
      problems.push(`${file}:${line}:${column}: spec: static pods may not reference ${reference}`);
    else pods.push({ uid, name, namespace, pod, source: 'file', file });
  }
  if (problems.length === 0 && pods.length === 0) problems.push(`${file}:1:1: there is no pod in it`);
  return { file, pods, problems };
}
