import type { DesiredPod } from '../../../src/kubelet/desired/desired-pod.ts';
import { parseManifest } from '../../../src/kubelet/desired/parse-manifest.ts';

/** A pod as it comes out of a manifest with this spec (YAML flow or block, indented by two). */
export function podWith(spec: string, name = 'web'): DesiredPod {
  const text = `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}, labels: {app: demo}}\nspec:\n  ${spec.trim()}\n`;
  const parsed = parseManifest(text, { nodeName: 'n1', file: '/m/web.yaml', seenAt: '2026-01-02T03:04:05.000Z' });
  const [pod] = parsed.pods;
  if (pod === undefined) throw new Error(parsed.problems.join('\n'));
  return pod;
}
