import { describe, expect, it } from 'vitest';
import { type Changes, Judge } from '../judge.ts';

const group = 'networking.k8s.io';
const service = { name: 'web', port: { number: 80 } };
const path = { path: '/', pathType: 'Prefix', backend: { service } };
const ingresses = new Judge(group, 'ingresses', { spec: { rules: [{ host: 'a.b', http: { paths: [path] } }] } });
const classes = new Judge(group, 'ingressclasses', { spec: { controller: 'example.com/ingress' } });
const RULE = 'spec.rules[0]';
const PATH = `${RULE}.http.paths[0]`;
const at = (name: string): string => `spec.rules.0.http.paths.0.${name}`;

describe('what may be created', () => {
  const wrong = (text: string, ...details: string[]): readonly string[] =>
    details.map(detail => `${PATH}.path: Invalid value: ${JSON.stringify(text)}: ${detail}`);
  const cases: readonly [sentence: string, kind: Judge, changes: Changes, errors: readonly string[]][] = [
    ['an ingress', ingresses, {}, []],
    [
      'no ingress to nowhere',
      ingresses,
      { spec: {} },
      ['spec: Invalid value: null: either `defaultBackend` or `rules` must be specified'],
    ],
    [
      'no rule for an address',
      ingresses,
      { 'spec.rules.0.host': '1.2.3.4' },
      [`${RULE}.host: Invalid value: "1.2.3.4": must be a DNS name, not an IP address`],
    ],
    [
      'no rule for a star in the middle',
      ingresses,
      { 'spec.rules.0.host': 'a.*.b' },
      [expect.stringContaining(`${RULE}.host: Invalid value: "a.*.b": a wildcard DNS-1123 subdomain must start`)],
    ],
    ['no rule without paths', ingresses, { 'spec.rules.0.http.paths': [] }, [`${RULE}.http.paths: Required value`]],
    [
      'no path without type',
      ingresses,
      { [at('pathType')]: undefined },
      [`${PATH}.pathType: Required value: pathType must be specified`],
    ],
    [
      'no path of an unknown type',
      ingresses,
      { [at('pathType')]: 'Regex' },
      [`${PATH}.pathType: Unsupported value: "Regex": supported values: "Exact", "ImplementationSpecific", "Prefix"`],
    ],
    ['no relative path', ingresses, { [at('path')]: 'a' }, wrong('a', 'must be an absolute path')],
    [
      'no path that leads back',
      ingresses,
      { [at('path')]: '/a//b/../%2f/..' },
      wrong(
        '/a//b/../%2f/..',
        "must not contain '//'",
        "must not contain '/../'",
        "must not contain '%2f'",
        "cannot end with '/..'",
      ),
    ],
    [
      'any absolute path of a type that the controller knows',
      ingresses,
      {
        [at('pathType')]: 'ImplementationSpecific',
        [at('path')]: '/a//b',
      },
      [],
    ],
    ['a service whose name begins with a digit', ingresses, { [at('backend.service.name')]: '1web' }, []],
    [
      'no service with two ports, or none',
      ingresses,
      { 'spec.defaultBackend': { service: { name: 'web', port: {} } }, [at('backend.service.port.name')]: 'http' },
      [
        'spec.defaultBackend: Required value: port name or number is required',
        `${PATH}.backend: Invalid value: "": cannot set both port name & port number`,
      ],
    ],
    [
      'no resource that is not named as a path can be',
      ingresses,
      { [at('backend')]: { resource: { apiGroup: 'A', kind: 'a/b', name: '' } } },
      [
        expect.stringContaining(
          `${PATH}.backend.resource.apiGroup: Invalid value: "A": a lowercase RFC 1123 subdomain`,
        ),
        `${PATH}.backend.resource.kind: Invalid value: "a/b": may not contain '/'`,
        `${PATH}.backend.resource.name: Required value`,
      ],
    ],
    [
      'no backend that is nothing',
      ingresses,
      { [at('backend')]: {} },
      [`${PATH}.backend: Invalid value: "": resource or service backend is required`],
    ],
    [
      'no class beside another in the old annotation',
      ingresses,
      { 'metadata.annotations': { 'kubernetes.io/ingress.class': 'a' }, 'spec.ingressClassName': 'b' },
      [
        'annotations.kubernetes.io/ingress.class: Invalid value: "a": must match `ingressClassName` when both are specified',
      ],
    ],
    ['a class', classes, {}, []],
    ['no class without controller', classes, { spec: {} }, ['spec.controller: Required value']],
    [
      'no class of a controller without domain',
      classes,
      { 'spec.controller': 'ingress' },
      ['spec.controller: Invalid value: "ingress": must be a domain-prefixed path (such as "acme.io/foo")'],
    ],
    [
      'no class of a controller whose path has a space',
      classes,
      { 'spec.controller': 'a.b/c d' },
      [
        "spec.controller: Invalid value: \"c d\": Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')",
      ],
    ],
    [
      'no class with parameters of a namespace that is not said',
      classes,
      { 'spec.parameters': { kind: 'K', name: 'n', scope: 'Namespace' } },
      ["spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'"],
    ],
    [
      'no class with parameters of the cluster in a namespace',
      classes,
      { 'spec.parameters': { kind: '', name: '..', namespace: '' } },
      [
        'spec.parameters.kind: Required value',
        'spec.parameters.name: Invalid value: "..": may not be \'..\'',
        "spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'",
      ],
    ],
  ];
  it.each(cases)('%s', (_, kind, changes, errors) => {
    expect(kind.created(changes)).toEqual(errors);
  });
});

describe('what may be changed', () => {
  it('keeps the controller of a class', () => {
    expect(classes.changed({ 'spec.controller': 'example.com/other' })).toEqual([
      'spec.controller: Invalid value: "example.com/other": field is immutable',
    ]);
  });

  it('lets a bad secret name and a bad wildcard rule stay that are stored', () => {
    const before = {
      'spec.rules.0.host': '*.a.b',
      'spec.rules.0.http.paths': [],
      'spec.tls': [{ secretName: 'Not_A_Name' }],
    };
    expect(ingresses.changed({ 'spec.ingressClassName': 'x' }, before)).toEqual([]);
  });

  it('takes names in the status, and no address for one', () => {
    const status = (entry: object): Changes => ({ 'status.loadBalancer.ingress': [entry] });
    expect(ingresses.changed(status({ ip: '1.2.3.4', hostname: 'a.b' }), {}, 'status')).toEqual([]);
    expect(ingresses.changed(status({ hostname: '1.2.3.4' }), {}, 'status')).toEqual([
      'status.loadBalancer.ingress[0].hostname: Invalid value: "1.2.3.4": must be a DNS name, not an IP address',
    ]);
  });
});

it('shows the addresses of an ingress once each, by name where there is no number', () => {
  const ingress = [{ ip: '1.2.3.4' }, { ip: '', hostname: 'a.b' }, { ip: '1.2.3.4' }];
  expect(ingresses.row({ 'status.loadBalancer.ingress': ingress })).toMatchObject({
    Class: '<none>',
    Hosts: 'a.b',
    Address: '1.2.3.4,a.b',
    Ports: '80',
  });
});

describe('where an ingress is served', () => {
  const where = (entry: object): Changes => ({ 'status.loadBalancer.ingress': [entry] });
  const STATUS = 'status.loadBalancer.ingress[0]';

  it('is an address in a strict spelling, or the one that was there', () => {
    const errors = [`${STATUS}.ip: Invalid value: "010.0.0.1": must not have leading 0s`];
    expect(ingresses.changed(where({ ip: '010.0.0.1' }), {}, 'status')).toEqual(errors);
    expect(ingresses.changed(where({ ip: '010.0.0.1' }), where({ ip: '010.0.0.1' }), 'status')).toEqual([]);
    expect(ingresses.replaced(where({ ip: 'FE80::1' }), {}, 'status').warnings).toEqual([
      `${STATUS}: IPv6 address "FE80::1" should be in RFC 5952 canonical format ("fe80::1")`,
    ]);
  });

  it('is no address where a name belongs', () => {
    expect(ingresses.changed(where({ hostname: '1.2.3.4' }), {}, 'status')).toEqual([
      `${STATUS}.hostname: Invalid value: "1.2.3.4": must be a DNS name, not an IP address`,
    ]);
  });
});

it('the annotation that named the class is on its way out', () => {
  expect(ingresses.warned({ 'metadata.annotations': { 'kubernetes.io/ingress.class': 'a' } })).toEqual([
    `annotation "kubernetes.io/ingress.class" is deprecated, please use 'spec.ingressClassName' instead`,
  ]);
});
