import { describe, expect, it } from 'vitest';
import { mergeManifests } from '../../../../src/kubelet/desired/merge-manifests.ts';
import { type ManifestFile, parseManifest } from '../../../../src/kubelet/desired/parse-manifest.ts';

const SEEN = '2026-01-02T03:04:05.000Z';
const parse = (text: string, file = '/m/a.yaml', nodeName = 'node1'): ManifestFile =>
  parseManifest(text, { file, nodeName, seenAt: SEEN });
const manifest = (name: string, image = 'i', meta = ''): string =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}${meta}}\nspec: {containers: [{name: c, image: "${image}"}]}\n`;

describe('parseManifest', () => {
  it('names a pod for its node and says where it came from', () => {
    const [pod] = parse(manifest('web')).pods;
    expect(pod).toMatchObject({ name: 'web-node1', namespace: 'default', file: '/m/a.yaml', source: 'file' });
    expect(pod?.uid).toMatch(/^[0-9a-f]{32}$/);
    expect(pod?.pod.spec.nodeName).toBe('node1');
    expect(pod?.pod.spec.tolerations).toEqual([{ operator: 'Exists', effect: 'NoExecute' }]);
    expect(pod?.pod.metadata.annotations).toEqual({
      'kubernetes.io/config.hash': pod?.uid,
      'kubernetes.io/config.seen': SEEN,
      'kubernetes.io/config.source': 'file',
    });
  });

  it('takes a uid that is given, and refuses one that cannot be a directory', () => {
    expect(parse(manifest('web', 'i', ', uid: abc-1')).pods[0]?.uid).toBe('abc-1');
    const bad = parse(manifest('web', 'i', ', uid: ../../etc'));
    expect(bad.pods).toEqual([]);
    expect(bad.problems).toEqual(['/m/a.yaml:1:1: metadata.uid: "../../etc" may have letters, digits, - and _ only']);
  });

  it.each([
    ['another text of the same pod', `# a comment\n${manifest('web')}`, '/m/a.yaml', 'node1', true],
    ['another image', manifest('web', 'j'), '/m/a.yaml', 'node1', false],
    ['another file', manifest('web'), '/m/b.yaml', 'node1', false],
    ['another node', manifest('web'), '/m/a.yaml', 'node2', false],
  ])('%s: the uid stays the same only for the same pod', (_what, text, file, node, same) => {
    expect(parse(text, file, node).pods[0]?.uid === parse(manifest('web')).pods[0]?.uid).toBe(same);
  });

  it('reads several documents, and JSON', () => {
    const json = JSON.stringify({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'j' },
      spec: { containers: [{ name: 'c', image: 'i' }] },
    });
    expect(parse(`${manifest('a')}---\n${manifest('b')}`).pods.map(p => p.name)).toEqual(['a-node1', 'b-node1']);
    expect(parse(json).pods.map(p => p.name)).toEqual(['j-node1']);
  });

  it.each([
    ['serviceAccountName: robot', 'serviceaccounts'],
    ['imagePullSecrets: [{name: s}]', 'secrets'],
    ['volumes: [{name: v, secret: {secretName: s}}]', 'secrets'],
    ['volumes: [{name: v, projected: {sources: [{configMap: {name: m}}]}}]', 'configmaps'],
    ['initContainers: [{name: b, image: i, envFrom: [{configMapRef: {name: m}}]}]', 'configmaps'],
    ['resourceClaims: [{name: r, resourceClaimName: c}]', 'resourceclaims'],
    ['volumes: [{name: v, csi: {driver: d}}]', 'csidrivers (via CSI volumes)'],
    ['volumes: [{name: v, persistentVolumeClaim: {claimName: c}}]', 'persistentvolumeclaims'],
    ['volumes: [{name: v, glusterfs: {endpoints: e, path: p}}]', 'endpoints (via glusterFS volumes)'],
  ])('refuses a pod that needs the API: %s', (field, name) => {
    const read = parse(`${manifest('a').replace('spec: {', `spec: {${field}, `)}---\n${manifest('b')}`);
    expect(read.pods.map(pod => pod.name)).toEqual(['b-node1']);
    expect(read.problems).toEqual([`/m/a.yaml:1:1: spec: static pods may not reference ${name}`]);
  });

  it('tells file, line and field of a bad document and goes on with the others', () => {
    const read = parse(`${manifest('a')}---\n${manifest('b').replace('image:', 'imge:')}`);
    expect(read.pods.map(p => p.name)).toEqual(['a-node1']);
    expect(read.problems[0]).toMatch(/^\/m\/a\.yaml:9:\d+: unknown field "spec\.containers\[0\]\.imge"/);
  });

  it.each([
    ['', 'there is no pod in it'],
    ['a: [1', '/m/a.yaml:1'],
    ['apiVersion: v1\nkind: Service\nmetadata: {name: s}\n', 'Service'],
    [manifest('Bad_Name'), 'metadata.name'],
  ])('is a problem: %j', (text, part) => {
    const read = parse(text);
    expect(read.pods).toEqual([]);
    expect(read.problems.join()).toContain(part);
  });
});

describe('mergeManifests', () => {
  it('gives a name that two files claim to the first file and tells of the other', () => {
    const merged = mergeManifests([parse(manifest('web', 'j'), '/m/b.yaml'), parse(manifest('web'), '/m/a.yaml')], []);
    expect(merged.pods.map(p => p.file)).toEqual(['/m/a.yaml']);
    expect(merged.problems).toEqual([
      '/m/b.yaml: pod default/web-node1 is already given by /m/a.yaml; this one is not run',
    ]);
    expect(merged.badFiles.size).toBe(0);
  });

  it('keeps the pods of a file that became bad, beside those it still gives', () => {
    const before = parse(`${manifest('a')}---\n${manifest('b')}`).pods;
    const merged = mergeManifests([parse(`${manifest('a', 'new')}---\nkind: [`)], before);
    expect(merged.pods.map(p => [p.name, p.pod.spec.containers[0]?.image])).toEqual([
      ['a-node1', 'new'],
      ['b-node1', 'i'],
    ]);
    expect([...merged.badFiles]).toEqual(['/m/a.yaml']);
  });

  it('lets the pods of a bad file go when the file is removed or right again', () => {
    const before = parse(manifest('a')).pods;
    expect(mergeManifests([], before).pods).toEqual([]);
    expect(mergeManifests([parse(manifest('b'))], before).pods.map(p => p.name)).toEqual(['b-node1']);
  });

  it('refuses a uid that another pod has', () => {
    const merged = mergeManifests(
      [parse(manifest('a', 'i', ', uid: u1'), '/m/a.yaml'), parse(manifest('b', 'i', ', uid: u1'), '/m/b.yaml')],
      [],
    );
    expect(merged.pods.map(p => p.name)).toEqual(['a-node1']);
    expect(merged.problems).toHaveLength(1);
  });
});
