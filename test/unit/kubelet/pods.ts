import { decodeManifest, validateDecoded } from '../../../src/api/decode/manifest.ts';
import { problemLine } from '../../../src/api/decode/problem.ts';
import type { Pod } from '../../../src/api/types/gen/core-v1.ts';
import type { DesiredPod } from '../../../src/kubelet/desired/desired-pod.ts';
import { nameStaticPod } from '../../../src/kubelet/desired/static-pod.ts';

const FILE = '/m/web.yaml';

/** A pod of a node with this spec (YAML flow or block, indented by two). It may refer to objects of the API, which a manifest of a node may not. */
export function podWith(spec: string, name = 'web'): DesiredPod {
  const text = `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}, labels: {app: demo}}\nspec:\n  ${spec.trim()}\n`;
  const { objects, problems } = decodeManifest(text, { kinds: ['Pod'] });
  const [document] = objects;
  if (document === undefined) throw new Error(problems.map(problem => problemLine(FILE, problem)).join('\n'));
  const pod = nameStaticPod(document.object as Pod, {
    nodeName: 'n1',
    file: FILE,
    seenAt: '2026-01-02T03:04:05.000Z',
  });
  const invalid = [...problems, ...validateDecoded(document, pod)];
  if (invalid.length > 0) throw new Error(invalid.map(problem => problemLine(FILE, problem)).join('\n'));
  const { uid = '', name: named = '', namespace = '' } = pod.metadata;
  return { uid, name: named, namespace, pod, source: 'file', file: FILE };
}
