import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  aliasProblem,
  canonicalName,
  isLoopbackRegistry,
  parseReference,
} from '../../../../src/cri/images/reference.ts';

const HEX = 'a'.repeat(64);

describe('parseReference', () => {
  const rows: readonly [string, string, string][] = [
    ['a bare name is a library image of docker.io with tag latest', 'busybox', 'docker.io/library/busybox:latest'],
    ['a tag is kept', 'busybox:1.29', 'docker.io/library/busybox:1.29'],
    ['two components without a dot are a user of docker.io', 'me/app', 'docker.io/me/app:latest'],
    ['a dot makes the first component a registry', 'registry.k8s.io/pause:3.9', 'registry.k8s.io/pause:3.9'],
    ['a port makes it a registry', 'node1:5000/app', 'node1:5000/app:latest'],
    ['localhost is a registry', 'localhost/app', 'localhost/app:latest'],
    ['capital letters make it a registry', 'REG/app', 'REG/app:latest'],
    ['an IPv6 registry stands in brackets', '[::1]:5000/app:x', '[::1]:5000/app:x'],
    ['index.docker.io is docker.io', 'index.docker.io/library/a', 'docker.io/library/a:latest'],
    ['a port alone is not a tag', '127.0.0.1:5000/a/b', '127.0.0.1:5000/a/b:latest'],
    ['a digest stands without a tag', `a@sha256:${HEX}`, `docker.io/library/a@sha256:${HEX}`],
    ['a digest says more than a tag beside it', `r.io/a:1@sha256:${HEX}`, `r.io/a@sha256:${HEX}`],
    ['separators inside components', 'r.io/a_b/c__d/e-f.g', 'r.io/a_b/c__d/e-f.g:latest'],
  ];
  it.each(rows)('%s', (_sentence, text, name) => {
    expect(canonicalName(parseReference(text))).toBe(name);
  });

  const refused: readonly [string, string, RegExp][] = [
    ['nothing', '', /empty/],
    ['a port that no registry can have', '127.0.0.1:65536/a', /port over 65535/],
    ['capital letters in the repository', 'r.io/App', /lower case/],
    ['a bare id', HEX, /bare image id/],
    ['a short digest', 'a@sha256:12', /not a sha256 digest/],
    ['another algorithm', `a@md5:${HEX}`, /not a sha256 digest/],
    ['an empty tag', 'a:', /not a tag/],
    ['a tag with a slash in the wrong place', 'r.io/a:b/c:d', /not a repository name/],
    ['dots as a path', 'r.io/../a', /not a repository name/],
    ['a space', 'r.io/a b', /not a repository name/],
    ['a name over 255 characters', `r.io/${'a'.repeat(260)}`, /255/],
    ['a host with an underscore', 'a_b.c/d', /not a registry host/],
  ];
  it.each(refused)('refuses %s', (_sentence, text, message) => {
    expect(() => parseReference(text)).toThrow(message);
  });

  it('reads its own canonical names back unchanged', () => {
    const component = fc.stringMatching(/^[a-z0-9]{1,8}$/);
    const name = fc.tuple(component, component, component).map(([a, b, tag]) => `${a}.io/${b}:${tag}`);
    fc.assert(
      fc.property(name, text => {
        expect(canonicalName(parseReference(text))).toBe(text);
        expect(canonicalName(parseReference(canonicalName(parseReference(text))))).toBe(text);
      }),
      { seed: 7 },
    );
  });
});

describe('isLoopbackRegistry', () => {
  it.each([
    ['127.0.0.1:5000', true],
    ['127.8.9.1', true],
    ['localhost', true],
    ['localhost:80', true],
    ['[::1]:5000', true],
    ['127.0.0.1.example.org', false],
    ['10.0.0.1:5000', false],
    ['docker.io', false],
  ])('%s: %s', (domain, expected) => {
    expect(isLoopbackRegistry(domain)).toBe(expected);
  });
});

describe('short names', () => {
  const names = { defaultRegistry: 'reg.example:5000', aliases: { busybox: 'quay.example/base/busybox' } };

  it.each([
    ['an alias', 'busybox:1', 'quay.example/base/busybox:1'],
    ['an alias by digest', `busybox@sha256:${'a'.repeat(64)}`, `quay.example/base/busybox@sha256:${'a'.repeat(64)}`],
    ['the default registry, without library/', 'web', 'reg.example:5000/web:latest'],
    ['a path of it', 'team/web:2', 'reg.example:5000/team/web:2'],
    ['a full name stays', 'docker.io/busybox', 'docker.io/library/busybox:latest'],
  ])('%s', (_sentence, text, full) => {
    expect(canonicalName(parseReference(text, names))).toBe(full);
  });

  it.each([
    ['a good one', 'busybox', 'quay.example/base/busybox', undefined],
    ['a full name', 'a.b/busybox', 'quay.example/busybox', '"a.b/busybox" is not a short name without tag'],
    ['a short name with a tag', 'busybox:1', 'quay.example/busybox', '"busybox:1" is not a short name without tag'],
    ['a target without a registry', 'busybox', 'base/busybox', '"base/busybox" names no registry'],
    ['a target with a tag', 'busybox', 'a.b/busybox:1', '"a.b/busybox:1" must have neither tag nor digest'],
    [
      'a target with the usual tag',
      'busybox',
      'a.b/busybox:latest',
      '"a.b/busybox:latest" must have neither tag nor digest',
    ],
  ])('as an alias, %s', (_sentence, short, full, problem) => {
    expect(aliasProblem(short, full)).toBe(problem);
  });
});
