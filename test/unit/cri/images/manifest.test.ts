import { describe, expect, it } from 'vitest';
import { amd64Level } from '../../../../src/cri/images/amd64-level.ts';
import {
  chooseManifest,
  type Platform,
  parseConfig,
  parseManifest,
  platformFor,
} from '../../../../src/cri/images/manifest.ts';

const digest = (c: string): string => `sha256:${c.repeat(64)}`;
const bytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const OCI = 'application/vnd.oci.image';
const config = { mediaType: `${OCI}.config.v1+json`, digest: digest('c'), size: 10 };
const layer = (mediaType: string) => ({ mediaType, digest: digest('1'), size: 5 });
const image = (...layers: unknown[]) => ({ schemaVersion: 2, mediaType: `${OCI}.manifest.v1+json`, config, layers });

describe('parseManifest', () => {
  it('reads an OCI manifest', () => {
    expect(parseManifest(bytes(image(layer(`${OCI}.layer.v1.tar+gzip`))), '')).toMatchObject({
      kind: 'image',
      config: { digest: digest('c') },
      layers: [{ digest: digest('1'), size: 5 }],
    });
  });

  it('takes the type from the header when the document has none', () => {
    const { mediaType: _, ...untyped } = image();
    expect(parseManifest(bytes(untyped), `${OCI}.manifest.v1+json; charset=utf-8`).kind).toBe('image');
  });

  it.each([
    [`${OCI}.layer.v1.tar`],
    [`${OCI}.layer.v1.tar+gzip`],
    [`${OCI}.layer.v1.tar+zstd`],
    ['application/vnd.docker.image.rootfs.diff.tar.gzip'],
    ['application/vnd.docker.image.rootfs.diff.tar.zstd'],
  ])('takes a layer of type %s', type => {
    expect(parseManifest(bytes(image(layer(type))), '')).toMatchObject({ layers: [{ mediaType: type }] });
  });

  const refusals: readonly [string, unknown, string, RegExp][] = [
    ['text', 'x', '', /not a JSON object/],
    ['a schema 1 manifest', { schemaVersion: 1, name: 'a' }, '', /schema 1/],
    ['a web page type', { a: 1 }, 'text/html', /text\/html.*not an image manifest/],
    [
      'an artifact',
      { ...image(), config: { ...config, mediaType: 'application/vnd.cncf.helm.config.v1+json' } },
      '',
      /artifact.*helm/,
    ],
    ['an encrypted layer', image(layer(`${OCI}.layer.v1.tar+gzip+encrypted`)), '', /is encrypted/],
    [
      'an artifact without a config',
      { ...image(), config: { ...config, mediaType: 'application/vnd.oci.empty.v1+json' }, artifactType: 'text/sbom' },
      '',
      /artifact of type text\/sbom/,
    ],
    ['a non-distributable layer', image(layer(`${OCI}.layer.nondistributable.v1.tar+gzip`)), '', /non-distributable/],
    ['an unknown layer type', image(layer('application/x')), '', /unknown media type application\/x/],
    [
      'a layer without a digest',
      image({ ...layer(`${OCI}.layer.v1.tar`), digest: '../../x' }),
      '',
      /not a sha256 digest/,
    ],
    ['a negative size', image({ ...layer(`${OCI}.layer.v1.tar`), size: -1 }), '', /no valid size/],
    ['too many layers', image(...Array.from({ length: 129 }, () => layer(`${OCI}.layer.v1.tar`))), '', /at most 128/],
  ];
  it.each(refusals)('refuses %s', (_sentence, document, type, message) => {
    expect(() => parseManifest(bytes(document), type)).toThrow(message);
  });
});

describe('chooseManifest', () => {
  const entry = (c: string, platform: Platform | undefined) => ({
    ...config,
    annotations: {},
    digest: digest(c),
    platform,
  });
  const p = (architecture: string, variant = '', os = 'linux'): Platform => ({ os, architecture, variant });
  const manifestEntry = (c: string, annotations: Readonly<Record<string, string>> = {}) => ({
    ...entry(c, undefined),
    mediaType: `${OCI}.manifest.v1+json`,
    annotations,
  });
  const rows: readonly [string, ReturnType<typeof entry>[], Platform, string][] = [
    ['the architecture decides', [entry('1', p('arm64')), entry('2', p('amd64'))], p('amd64'), '2'],
    ['the first of equals wins', [entry('1', p('amd64')), entry('2', p('amd64'))], p('amd64'), '1'],
    [
      'attestations are passed over',
      [entry('1', p('unknown', '', 'unknown')), entry('2', p('amd64'))],
      p('amd64'),
      '2',
    ],
    ['arm64 without a variant is v8', [entry('1', p('arm64'))], p('arm64', 'v8'), '1'],
    [
      'the best arm variant that runs',
      [entry('1', p('arm', 'v5')), entry('2', p('arm', 'v6')), entry('3', p('arm', 'v8'))],
      p('arm', 'v7'),
      '2',
    ],
    [
      'what runs everywhere goes before a higher level',
      [entry('1', p('amd64', 'v3')), entry('2', p('amd64'))],
      p('amd64', 'v4'),
      '2',
    ],
    ['of levels the lowest', [entry('1', p('amd64', 'v3')), entry('2', p('amd64', 'v2'))], p('amd64', 'v3'), '2'],
    [
      'a level that the machine has',
      [entry('1', p('amd64', 'v4')), entry('2', p('amd64', 'v3'))],
      p('amd64', 'v3'),
      '2',
    ],
    ['one without a platform, where none fits', [entry('1', p('arm64')), manifestEntry('2')], p('amd64'), '2'],
    ['the platform goes before none', [manifestEntry('1'), entry('2', p('amd64'))], p('amd64'), '2'],
  ];
  it.each(rows)('%s', (_sentence, entries, wanted, expected) => {
    expect(chooseManifest(entries, wanted).digest).toBe(digest(expected));
  });

  it.each([
    [
      'a level above that of the machine',
      [entry('1', p('amd64', 'v3'))],
      'no image for linux/amd64/v2 in this index; it has linux/amd64/v3',
    ],
    [
      'attestations alone',
      [manifestEntry('1', { 'vnd.docker.reference.type': 'attestation-manifest' })],
      'it has none with a platform',
    ],
  ])('takes nothing of %s', (_sentence, entries, message) => {
    expect(() => chooseManifest(entries, p('amd64', 'v2'))).toThrow(message);
  });

  it('says what is there when nothing fits', () => {
    const entries = [entry('1', p('arm64', 'v8')), entry('2', p('s390x'))];
    expect(() => chooseManifest(entries, platformFor('x64'))).toThrow(
      'no image for linux/amd64 in this index; it has linux/arm64/v8, linux/s390x',
    );
  });
});

describe('the level of a processor', () => {
  const v2 = 'fpu cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3';
  const v3 = `${v2} avx avx2 bmi1 bmi2 f16c fma abm movbe xsave`;

  it.each([
    ['fpu sse2', 'v1'],
    [v2, 'v2'],
    [v3, 'v3'],
    [`${v3} avx512f avx512bw avx512cd avx512dq avx512vl`, 'v4'],
    [`${v3} avx512f`, 'v3'],
  ])('with %s is %s', (flags, level) => {
    expect(amd64Level(`processor\t: 0\nflags\t\t: ${flags}\nbugs\t\t: none\n`)).toBe(level);
  });
});

describe('parseConfig', () => {
  const whole = {
    architecture: 'amd64',
    os: 'linux',
    rootfs: { type: 'layers', diff_ids: [digest('d')] },
    config: {
      User: '1000',
      Env: ['A=1'],
      Entrypoint: ['/e'],
      Cmd: null,
      WorkingDir: '/w',
      StopSignal: 'SIGINT',
      Volumes: { '/v': {} },
      Labels: { l: 'x' },
    },
  };

  it('reads what makes a container', () => {
    expect(parseConfig(bytes(whole), 1)).toEqual({
      platform: { os: 'linux', architecture: 'amd64', variant: '' },
      diffIds: [digest('d')],
      config: {
        user: '1000',
        env: ['A=1'],
        entrypoint: ['/e'],
        cmd: [],
        workingDir: '/w',
        stopSignal: 'SIGINT',
        volumes: ['/v'],
        labels: { l: 'x' },
      },
    });
  });

  it('refuses another number of layers than the manifest has', () => {
    expect(() => parseConfig(bytes(whole), 2)).toThrow('names 1 layers and the manifest 2');
  });

  it('refuses a diff id that is no digest', () => {
    expect(() => parseConfig(bytes({ ...whole, rootfs: { diff_ids: ['x'] } }), 1)).toThrow('not a sha256 digest');
  });
});
