import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DecodeOptions, decodeManifest, validateDecoded } from '../../../../src/api/decode/manifest.ts';
import { problemLine, strictDecodingMessage } from '../../../../src/api/decode/problem.ts';
import type { Pod } from '../../../../src/api/types/gen/core-v1.ts';

const pod = (lines: string) =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: default}\nspec:\n  containers:\n  - name: web\n    image: nginx:1\n${lines}`;

/** What a user would read. */
function lines(text: string, options?: DecodeOptions): string[] {
  const { objects, problems } = decodeManifest(text, options);
  return [...problems, ...objects.flatMap(o => validateDecoded(o))].map(p => problemLine('web.yaml', p));
}

const names = (text: string) => decodeManifest(text).objects.map(o => (o.object as Pod).metadata.name);

describe('one line for what is wrong, with file, line and field', () => {
  it.each([
    ['a correct pod has none', pod(''), []],
    [
      'an unknown field, with the one that was meant',
      pod('    imgePullPolicy: Always\n'),
      ['web.yaml:8:5: unknown field "spec.containers[0].imgePullPolicy" (did you mean "imagePullPolicy"?)'],
    ],
    [
      'a field in the wrong case',
      pod('    workingdir: /\n'),
      ['web.yaml:8:5: unknown field "spec.containers[0].workingdir" (did you mean "workingDir"?)'],
    ],
    [
      'an unknown field that resembles nothing',
      pod('    zzzzzzzz: 1\n'),
      ['web.yaml:8:5: unknown field "spec.containers[0].zzzzzzzz"'],
    ],
    [
      'text where a number is needed',
      pod('    ports: [{containerPort: "80"}]\n'),
      [
        'web.yaml:8:29: spec.containers[0].ports[0].containerPort: json: cannot unmarshal string into Go struct field ContainerPort.spec.containers.ports.containerPort of type int32',
      ],
    ],
    [
      'a number where text is needed',
      pod('    env: [{name: A, value: 5}]\n'),
      [
        'web.yaml:8:28: spec.containers[0].env[0].value: json: cannot unmarshal number into Go struct field EnvVar.spec.containers.env.value of type string (put it in quotes: "5")',
      ],
    ],
    [
      'a number out of range',
      pod('    ports: [{containerPort: 99999999999}]\n'),
      [
        'web.yaml:8:29: spec.containers[0].ports[0].containerPort: json: cannot unmarshal number 99999999999 into Go struct field ContainerPort.spec.containers.ports.containerPort of type int32',
      ],
    ],
    [
      'a map where a list is needed',
      pod('    args: {a: b}\n'),
      [
        'web.yaml:8:11: spec.containers[0].args: json: cannot unmarshal object into Go struct field Container.spec.containers.args of type []string',
      ],
    ],
    [
      'a list where an object is needed',
      pod('    securityContext: []\n'),
      [
        'web.yaml:8:22: spec.containers[0].securityContext: json: cannot unmarshal array into Go struct field Container.spec.containers.securityContext of type v1.SecurityContext',
      ],
    ],
    [
      'a quantity that is none',
      pod('    resources: {limits: {memory: 12K}}\n'),
      ['web.yaml:8:34: spec.containers[0].resources.limits[memory]: unable to parse quantity\'s suffix, not "12K"'],
    ],
    [
      'a key given twice',
      pod('    image: other\n'),
      ['web.yaml:8:5: duplicate field "spec.containers[0].image": key "image" already set in map'],
    ],
    [
      'a label given twice',
      'apiVersion: v1\nkind: Pod\nmetadata:\n  labels:\n    a: "1"\n    a: "2"\n',
      ['web.yaml:6:5: duplicate field "metadata.labels.a": key "a" already set in map'],
    ],
    [
      'a container name given twice',
      pod('  - {name: web, image: b:1}\n'),
      ['web.yaml:8:6: spec.containers[1].name: Duplicate value: "web"'],
    ],
    [
      'a field that is missing, at the nearest place that is written down',
      'apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: default}\nspec:\n  containers:\n  - name: web\n',
      ['web.yaml:6:5: spec.containers[0].image: Required value'],
    ],
    ['broken YAML', 'a: "b\n', ['web.yaml:2:1: yaml: found unexpected end of stream']],
    ['a document that is no object', '- a\n', ['web.yaml:1:1: the document is not an object with apiVersion and kind']],
    [
      'no kind',
      'apiVersion: v1\n',
      ["web.yaml:1:1: Object 'Kind' is missing (each document begins with apiVersion and kind)"],
    ],
    ['no apiVersion', 'kind: Pod\n', ["web.yaml:1:1: Object 'apiVersion' is missing (a Pod needs one)"]],
    [
      'an unknown kind',
      'apiVersion: v1\nkind: Pood\n',
      ['web.yaml:2:1: no kind "Pood" is registered for version "v1" (did you mean "Pod"?)'],
    ],
    [
      'a kind in another version',
      'apiVersion: v2\nkind: Pod\n',
      ['web.yaml:2:1: no kind "Pod" is registered for version "v2" (Pod is in "v1")'],
    ],
    [
      'broken JSON',
      '{"apiVersion": "v1",\n "kind": "Pod" "x": 1}',
      ["web.yaml:2:16: invalid character '\"' after object key:value pair"],
    ],
    ['JSON that ends early', '{"apiVersion": "v1", "kind": ', ['web.yaml:1:30: unexpected end of JSON input']],
    ['an alias to nothing', 'a: *b\n', ["web.yaml:1:4: yaml: unknown anchor 'b' referenced"]],
  ])('%s', (_, text, expected) => {
    const found = lines(text);
    expect(found.length).toBe(expected.length);
    for (const [index, line] of expected.entries()) expect(found[index]).toContain(line);
  });

  it('reports every problem of a document, not the first alone', () => {
    expect(lines(pod('    a1234567: 1\n    b1234567: 2\n    tty: "no"\n'))).toHaveLength(3);
  });

  it('refuses kinds that are not wanted here', () => {
    const config = 'apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n';
    expect(lines(config, { kinds: ['Pod'] })).toEqual([
      'web.yaml:2:1: kind "KubeletConfiguration" is not taken here (only Pod)',
    ]);
  });

  it('joins problems as the API server does', () => {
    const { problems } = decodeManifest(pod('    imge: a\n'));
    expect(strictDecodingMessage(problems)).toBe('strict decoding error: unknown field "spec.containers[0].imge"');
  });
});

describe('streams', () => {
  const named = (name: string) =>
    `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}}\nspec: {containers: [{name: a, image: b}]}\n`;

  it('gives every document of a stream, comments and empty documents left out', () => {
    expect(names(`# head\n---\n${named('a')}---\n# nothing\n---\n${named('b')}---\n`)).toEqual(['a', 'b']);
  });

  it('goes on behind a broken document, whose line is that of the file', () => {
    const text = `${named('a')}---\na: [b\n---\n${named('c')}`;
    expect(names(text)).toEqual(['a', 'c']);
    expect(decodeManifest(text).problems.map(p => p.position.line >= 5 && p.position.line <= 7)).toEqual([true]);
  });

  it('takes JSON values one after another', () => {
    const json = JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' }, spec: { containers: [] } });
    expect(names(`${json}\n${json.replace('"a"', '"b"')}`)).toEqual(['a', 'b']);
  });

  it('takes JSON indented by tabs, which YAML would refuse', () => {
    expect(names('{\n\t"apiVersion": "v1",\n\t"kind": "Pod",\n\t"metadata": {"name": "tab"}\n}')).toEqual(['tab']);
  });

  it('takes YAML in flow form', () => {
    expect(names('{apiVersion: v1, kind: Pod, metadata: {name: flow}}')).toEqual(['flow']);
  });

  it.each(['List', 'PodList'])('gives the items of a %s, with their places', kind => {
    const text = `apiVersion: v1\nkind: ${kind}\nitems:\n- apiVersion: v1\n  kind: Pod\n  metadata: {name: a}\n- apiVersion: v1\n  kind: Pod\n  metadata: {nam: b}\n`;
    expect(names(text)).toEqual(['a']);
    expect(lines(text).some(line => line.startsWith('web.yaml:9:14: unknown field "metadata.nam"'))).toBe(true);
  });
});

describe('what decoding makes of values', () => {
  const decode = (text: string) => decodeManifest(text).objects[0]?.object as Pod;

  it('treats null as absent, as Go does', () => {
    expect(decode(pod('    command: null\n    ports: ~\n')).spec.containers[0]).not.toHaveProperty('command');
  });

  it('keeps an explicit empty value apart from an absent one', () => {
    expect(decode(pod('    command: []\n')).spec.containers[0]?.command).toEqual([]);
  });

  it('writes quantities canonically, from numbers too', () => {
    const { resources } = decode(pod('    resources: {limits: {cpu: 0.5, memory: 1024Mi}}\n')).spec.containers[0] ?? {};
    expect(resources?.limits).toEqual({ cpu: '500m', memory: '1Gi' });
  });

  it('follows anchors and merge keys; what a map says itself wins', () => {
    const text = pod('    env:\n    - &e {name: A, value: one}\n    - {<<: *e, name: B}\n');
    expect(decode(text).spec.containers[0]?.env).toEqual([
      { name: 'A', value: 'one' },
      { name: 'B', value: 'one' },
    ]);
  });

  it('takes a key "__proto__" as a key', () => {
    const { metadata } = decode('apiVersion: v1\nkind: Pod\nmetadata: {labels: {__proto__: x}}\n');
    expect(Object.keys(metadata.labels ?? {})).toEqual(['__proto__']);
  });
});

describe('documents that are made to hurt', () => {
  const laughs = `a: &a [x,x,x,x,x,x,x,x,x]\n${[...'bcdefghi']
    .map((name, i) => `${name}: &${name} [${Array(9).fill(`*${'abcdefgh'[i]}`).join(',')}]`)
    .join('\n')}`;

  it.each([
    ['aliases that multiply', laughs, 'yaml: document contains excessive aliasing'],
    ['an alias to what holds it', 'a: &a [*a]', "yaml: anchor 'a' value contains itself"],
    ['YAML brackets', `x: ${'['.repeat(100_000)}`, 'yaml: exceeded max depth of 100'],
    ['JSON brackets', '{"a":'.repeat(100_000), 'is nested deeper than 100'],
    ['block lists in one line', '- '.repeat(100_000), 'yaml: exceeded max depth of 100'],
    ['too much text', `# ${'x'.repeat(1024 * 1024)}`, 'is 1048578 bytes long, and at most 1048576 are read'],
  ])('%s are refused with one line', (_, text, message) => {
    expect(decodeManifest(text).problems.map(p => p.message)).toEqual([message]);
  });
});

describe('any text at all', () => {
  const sample = pod(
    '    env:\n    - &e {name: A, value: one}\n    ports: [{containerPort: 80}]\n---\n{"kind": "Pod"}\n',
  );

  // A second of work, which takes ten times that while everything else on the machine runs.
  it('gives objects or problems and never throws', { timeout: 60_000 }, () => {
    const damage = fc.tuple(
      fc.nat({ max: sample.length }),
      fc.nat({ max: 6 }),
      fc.string({ maxLength: 6, unit: 'binary' }),
    );
    fc.assert(
      fc.property(fc.array(damage, { minLength: 1, maxLength: 4 }), cuts => {
        const text = cuts.reduce((t, [at, length, insert]) => t.slice(0, at) + insert + t.slice(at + length), sample);
        const { objects, problems } = decodeManifest(text);
        expect(objects.flatMap(o => validateDecoded(o)).length + objects.length + problems.length).toBeGreaterThan(0);
        for (const problem of problems) expect(problemLine('f', problem)).not.toContain('\n');
      }),
      { seed: 7, numRuns: 300 },
    );
  });
});
