import { describe, expect, it } from 'vitest';
import { type Changes, Judge } from './judge.ts';

const NOT_A_LABEL =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const NOT_A_SUBDOMAIN =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const NOT_A_NAME_PART =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const NOT_A_KEY =
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
const NOT_AN_IP = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';

const namespaces = new Judge('', 'namespaces', {});
const configMaps = new Judge('', 'configmaps', { data: { a: 'b' } });
const secrets = new Judge('', 'secrets', {});
const accounts = new Judge('', 'serviceaccounts', {});
const endpoints = new Judge('', 'endpoints', { subsets: [{ addresses: [{ ip: '10.0.0.1' }], ports: [{ port: 80 }] }] });

describe('what may be created', () => {
  const cases: readonly [sentence: string, kind: Judge, changes: Changes, errors: readonly string[]][] = [
    ['a namespace', namespaces, {}, []],
    [
      'no namespace with dots',
      namespaces,
      { 'metadata.name': 'a.b' },
      ['metadata.name: Invalid value: "a.b": must not contain dots'],
    ],
    [
      'no finalizer of a namespace without domain',
      namespaces,
      { 'spec.finalizers': ['mine', 'a b'] },
      [
        'spec.finalizers: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified',
        `spec.finalizers: Invalid value: "a b": ${NOT_A_NAME_PART}`,
        'spec.finalizers: Invalid value: "a b": name is neither a standard finalizer name nor is it fully qualified',
      ],
    ],
    ['a map', configMaps, {}, []],
    ['no key that is none', configMaps, { data: { 'a/b': 'x' } }, [`data[a/b]: Invalid value: "a/b": ${NOT_A_KEY}`]],
    [
      'no key that leads out',
      configMaps,
      { data: { '..x': 'x' } },
      ['data[..x]: Invalid value: "..x": must not start with \'..\''],
    ],
    [
      'no key in both halves',
      configMaps,
      { binaryData: { a: 'eA==' } },
      ['data[a]: Invalid value: "a": duplicate of key present in binaryData'],
    ],
    ['a secret', secrets, { data: { a: 'eA==' } }, []],
    [
      'no secret with a bad key',
      secrets,
      { data: { '..': 'eA==' } },
      ['data[..]: Invalid value: "..": must not be \'..\''],
    ],
    [
      'no token of no account',
      secrets,
      { type: 'kubernetes.io/service-account-token' },
      ['metadata.annotations[kubernetes.io/service-account.name]: Required value'],
    ],
    [
      'no login for a registry that is missing',
      secrets,
      { type: 'kubernetes.io/dockercfg' },
      ['data[.dockercfg]: Required value'],
    ],
    [
      'no login for a registry that is no JSON',
      secrets,
      { type: 'kubernetes.io/dockercfg', data: { '.dockercfg': 'ew==' } },
      ['data[.dockercfg]: Invalid value: "<secret contents redacted>": unexpected end of JSON input'],
    ],
    [
      'no login for a registry that is a list',
      secrets,
      { type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': 'W10=' } },
      [
        'data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": json: cannot unmarshal array into Go value of type map[string]interface {}',
      ],
    ],
    [
      'a login for a registry that is null',
      secrets,
      { type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': 'bnVsbA==' } },
      [],
    ],
    [
      'no user without name and password',
      secrets,
      { type: 'kubernetes.io/basic-auth' },
      ['data[username]: Required value', 'data[password]: Required value'],
    ],
    [
      'no key of SSH that is empty',
      secrets,
      { type: 'kubernetes.io/ssh-auth', data: { 'ssh-privatekey': '' } },
      ['data[ssh-privatekey]: Required value'],
    ],
    [
      'no pair of TLS by halves',
      secrets,
      { type: 'kubernetes.io/tls', data: { 'tls.crt': '' } },
      ['data[tls.key]: Required value'],
    ],
    ['an account', accounts, {}, []],
    ['the endpoints of a service', endpoints, {}, []],
    [
      'no subset without addresses',
      endpoints,
      { subsets: [{ ports: [{ port: 80 }] }] },
      ['subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`'],
    ],
    [
      'no endpoint that is no address, or the machine itself',
      endpoints,
      {
        'subsets.0.addresses': [{ ip: 'x', hostname: 'A_b', nodeName: 'A_b' }, { ip: '127.0.0.1' }],
        'subsets.0.notReadyAddresses': [{ ip: '010.0.0.1' }],
      },
      [
        `subsets[0].addresses[0].ip: Invalid value: "x": ${NOT_AN_IP}`,
        `subsets[0].addresses[0].hostname: Invalid value: "A_b": ${NOT_A_LABEL}`,
        `subsets[0].addresses[0].nodeName: Invalid value: "A_b": ${NOT_A_SUBDOMAIN}`,
        'subsets[0].addresses[0].ip: Invalid value: "x": must be a valid IP address',
        'subsets[0].addresses[1].ip: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
        'subsets[0].notReadyAddresses[0].ip: Invalid value: "010.0.0.1": must not have leading 0s',
      ],
    ],
    [
      'no ports without names',
      endpoints,
      { 'subsets.0.ports': [{ port: 0 }, { port: 80, name: 'A', protocol: 'ICMP', appProtocol: 'a b' }] },
      [
        'subsets[0].ports[0].name: Required value',
        'subsets[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive',
        `subsets[0].ports[1].name: Invalid value: "A": ${NOT_A_LABEL}`,
        'subsets[0].ports[1].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"',
        `subsets[0].ports[1].appProtocol: Invalid value: "a b": ${NOT_A_NAME_PART}`,
      ],
    ],
  ];
  it.each(cases)('%s', (_, kind, changes, errors) => {
    expect(kind.created(changes)).toEqual(errors);
  });
});

describe('what may become of them', () => {
  const cases: readonly [
    sentence: string,
    kind: Judge,
    changes: Changes,
    errors: readonly string[],
    before?: Changes,
  ][] = [
    [
      'no change of data that are immutable',
      configMaps,
      { data: { a: 'c' }, immutable: undefined },
      [
        'immutable: Forbidden: field is immutable when `immutable` is set',
        'data: Forbidden: field is immutable when `immutable` is set',
      ],
      { immutable: true },
    ],
    [
      'no change of a secret that is immutable',
      secrets,
      { data: { a: 'eA==' }, type: 'x' },
      ['type: Invalid value: "x": field is immutable', 'data: Forbidden: field is immutable when `immutable` is set'],
      { immutable: true },
    ],
    [
      'no other type of a secret',
      secrets,
      { type: 'kubernetes.io/basic-auth' },
      [
        'type: Invalid value: "kubernetes.io/basic-auth": field is immutable',
        'data[username]: Required value',
        'data[password]: Required value',
      ],
      { type: 'Opaque' },
    ],
    [
      'the endpoints that are stored, whatever they are',
      endpoints,
      { 'metadata.labels': { a: 'b' } },
      [],
      { subsets: [{ ports: [{ port: 0 }] }] },
    ],
    [
      'no bad endpoints instead of bad ones',
      endpoints,
      { subsets: [], 'metadata.labels': { 'a b': 'c' } },
      [`metadata.labels: Invalid value: "a b": ${NOT_A_NAME_PART}`],
      { subsets: [{ ports: [{ port: 0 }] }] },
    ],
  ];
  it.each(cases)('%s', (_, kind, changes, errors, before = {}) => {
    expect(kind.changed(changes, before)).toEqual(errors);
  });
});

describe('what may be told of them', () => {
  const cases: readonly [sentence: string, changes: Changes, errors: readonly string[], before?: Changes][] = [
    [
      'the end of a namespace that is deleted',
      { 'status.phase': 'Terminating' },
      [],
      { 'metadata.deletionTimestamp': '2026-01-02T03:04:05Z' },
    ],
    [
      'no end of a namespace that is not',
      { 'status.phase': 'Terminating' },
      ['status.Phase: Invalid value: "Terminating": may only be \'Active\' if `deletionTimestamp` is empty'],
      {},
    ],
  ];
  it.each(cases)('%s', (_, changes, errors, before = {}) => {
    expect(namespaces.changed(changes, before, 'status')).toEqual(errors);
  });
});

describe('what is told of new ones', () => {
  const cases: readonly [sentence: string, kind: Judge, changes: Changes, warnings: readonly string[]][] = [
    [
      'that no TLS is in a secret',
      secrets,
      { type: 'kubernetes.io/tls', data: { 'tls.crt': '', 'tls.key': '' } },
      ['tls: failed to find any PEM data in certificate input'],
    ],
    [
      'that an account should not limit its secrets',
      accounts,
      { 'metadata.annotations': { 'kubernetes.io/enforce-mountable-secrets': 'true' } },
      [
        'metadata.annotations[kubernetes.io/enforce-mountable-secrets]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets',
      ],
    ],
    [
      'how addresses of endpoints are better spelled',
      endpoints,
      { 'subsets.0.addresses': [{ ip: 'FD00::1' }] },
      ['subsets[0].addresses[0].ip: IPv6 address "FD00::1" should be in RFC 5952 canonical format ("fd00::1")'],
    ],
    [
      'nothing of endpoints that the controller made',
      endpoints,
      {
        'subsets.0.addresses': [{ ip: 'FD00::1' }],
        'metadata.labels': { 'endpoints.kubernetes.io/managed-by': 'endpoint-controller' },
      },
      [],
    ],
  ];
  it.each(cases)('%s', (_, kind, changes, warnings) => {
    expect(kind.warned(changes)).toEqual(warnings);
  });
});
