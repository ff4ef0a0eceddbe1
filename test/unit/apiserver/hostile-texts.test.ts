import { describe, expect, it } from 'vitest';
import { parseDuration } from '../../../src/api/duration.ts';
import { parseQuantity } from '../../../src/api/quantity.ts';
import { builtinTable } from '../../../src/api/schema/builtin.ts';
import { parseLabelSelector } from '../../../src/api/selectors/label-selector.ts';
import { invalidError } from '../../../src/api/status.ts';
import type { PodSpec } from '../../../src/api/types/gen/core-v1.ts';
import { invalid } from '../../../src/api/validation/field-error.ts';
import { validateLegacyIp } from '../../../src/api/validation/ip.ts';
import { overlapWarnings } from '../../../src/api/validation/overlapping-paths.ts';
import { NEW_TEMPLATE } from '../../../src/api/validation/pod-options.ts';
import { podSpecWarnings } from '../../../src/api/validation/pod-warnings.ts';
import { validateTopologySpread } from '../../../src/api/validation/topology-spread.ts';
import { uncoveredRules } from '../../../src/apiserver/authz/rbac/covers.ts';
import { compileRule } from '../../../src/apiserver/authz/rbac/policy-rule.ts';
import { withUniqueOwners } from '../../../src/apiserver/handlers/owner-references.ts';
import { parseAccept } from '../../../src/apiserver/negotiation/accept-header.ts';
import { applyJsonPatch } from '../../../src/apiserver/patch/json-patch.ts';
import { applyStrategicMerge } from '../../../src/apiserver/patch/strategic-merge.ts';
import { WarningList } from '../../../src/apiserver/pipeline/context.ts';
import { requestInfo } from '../../../src/apiserver/request-info.ts';
import { keyPairFault } from '../../../src/apiserver/resources/core/key-pair.ts';
import { trimEnd } from '../../../src/base/trim-end.ts';
import { pemBlocks } from '../../../src/pki/pem.ts';
import { cpuMs } from '../../harness/cpu-time.ts';

/** A header holds 128 KiB in all, a body 3 MiB. */
const HEADER = 100_000;
const BODY = 1_000_000;

const refused = (run: () => unknown) => (): void => {
  expect(run).toThrow();
};

/** What one client writes and all others would wait for, since there is one event loop: many such texts came before anybody was asked who he is. */
const TEXTS: readonly (readonly [what: string, read: () => unknown])[] = [
  ['a path of slashes', () => requestInfo('GET', `/a${'/'.repeat(HEADER)}b`, new URLSearchParams())],
  ['a path that ends in slashes', () => requestInfo('GET', `/a${'/'.repeat(HEADER)}`, new URLSearchParams())],
  ['a time limit of digits', refused(() => parseDuration(`${'1'.repeat(HEADER)}!`))],
  ['a short time limit of digits', refused(() => parseDuration(`${'1'.repeat(22)}!`))],
  ['a time limit of parts', refused(() => parseDuration(`${'1s'.repeat(HEADER / 2)}!`))],
  ['a label selector of brackets', refused(() => parseLabelSelector('('.repeat(HEADER)))],
  ['a quality of digits', () => parseAccept(`application/json;q=${'1'.repeat(HEADER)}x`)],
  ['a quantity of digits', refused(() => parseQuantity(`${'1'.repeat(HEADER)}!`))],
  ['a quantity with an endless exponent', refused(() => parseQuantity(`1e${'0'.repeat(BODY)}1`))],
  ['an address of zeros', () => validateLegacyIp('spec.clusterIP', `${'0'.repeat(HEADER)}x`)],
  ['a path of stars in a role', () => compileRule({ verbs: ['get'], nonResourceURLs: [`/${'*'.repeat(BODY)}a*`] })],
  [
    'a path of stars that somebody may ask for',
    () =>
      uncoveredRules(
        [{ verbs: ['get'], nonResourceURLs: [`/${'*'.repeat(BODY)}a*`] }],
        [{ verbs: ['get'], nonResourceURLs: ['/b'] }],
      ),
  ],
  ['a certificate request of line ends', () => pemBlocks(`-----BEGIN A-----${'\n'.repeat(BODY)}!`)],
  ['a certificate request that begins often', () => pemBlocks('-----BEGIN A-----\n'.repeat(BODY / 18))],
  ['a TLS secret that begins often', () => keyPairFault('-----BEGIN A-----\n'.repeat(BODY / 18), '')],
];

/** A megabyte of small members. */
const MANY = Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`k${index}`, '']));
const MOVES = Array.from({ length: 5_000 }, () => [
  { op: 'move', from: '/data', path: '/other' },
  { op: 'move', from: '/other', path: '/data' },
]).flat();
const WORDS = Array.from({ length: 1_000 }, (_, index) => `w${index}`);
const NAMED = Array.from({ length: 50_000 }, (_, index) => ({ name: `n${index}` }));
const OWNERS = Array.from({ length: 40_000 }, (_, index) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  name: `p${index}`,
  uid: 'u',
}));
const SPREADS = Array.from({ length: 40_000 }, (_, index) => ({
  maxSkew: 1,
  topologyKey: `k${index}`,
  whenUnsatisfiable: 'DoNotSchedule' as const,
}));
const PORTS = Array.from({ length: 60_000 }, () => ({ containerPort: 80, protocol: 'TCP' }));
const SCOPES = Array.from({ length: 40_000 }, (_, index) => `s${index}`);
const items = Array.from({ length: 100_000 }, (_, index) => ({ key: 'k', path: `p${index}` }));

/** The same of what a client writes in JSON. */
const OBJECTS: readonly (readonly [what: string, read: () => unknown])[] = [
  ['a patch that moves a large object to and fro', () => applyJsonPatch({ data: MANY }, MOVES)],
  [
    'a patch that takes many elements out of a long list',
    () =>
      applyStrategicMerge(
        builtinTable.struct('core/v1.PodSpec'),
        { containers: NAMED },
        { containers: NAMED.map(each => ({ ...each, $patch: 'delete' })) },
      ),
  ],
  [
    'a role that names a billion rights in a few words',
    () => uncoveredRules([], [{ verbs: WORDS, apiGroups: WORDS, resources: WORDS }]),
  ],
  [
    'an object of very many owners, all of one UID',
    () => withUniqueOwners({ metadata: { ownerReferences: OWNERS } }, new WarningList()),
  ],
  [
    'a pod of very many ports, all the same',
    () =>
      podSpecWarnings({ containers: [{ name: 'c', resources: {}, ports: PORTS }] } as unknown as PodSpec, {}, 'spec'),
  ],
  [
    'a quota of very many scopes that there are not, each refused with all of them',
    () =>
      invalidError(
        { group: '', kind: 'ResourceQuota' },
        'q',
        SCOPES.map(() => invalid('spec.scopes', SCOPES, 'unsupported scope')),
      ),
  ],
  ['a pod that spreads by very many topologies', () => validateTopologySpread(SPREADS, NEW_TEMPLATE.kept, 'spec')],
  ['a volume of very many files', () => overlapWarnings([{ name: 'v', configMap: { name: 'm', items } }])],
];

describe('objects of clients that mean harm', () => {
  it.each(OBJECTS)('%s is read at once', (_, read) => {
    expect(cpuMs(read)).toBeLessThan(2000);
  });

  it('are not granted for being too many to be looked at', () => {
    const wanted = { verbs: WORDS, apiGroups: WORDS, resources: WORDS };
    expect(uncoveredRules([{ ...wanted, verbs: WORDS.slice(1) }], [wanted])).toEqual([wanted]);
    expect(uncoveredRules([wanted], [wanted])).toEqual([]);
  });

  it('are told of the files that hide each other, in their order', () => {
    const paths = ['a/b', 'c', 'a', 'a/b/', 'ab', 'a/b/c', ''];
    const files = paths.map(path => ({ key: 'k', path }));
    expect(overlapWarnings([{ name: 'v', configMap: { name: 'm', items: files } }])).toEqual(
      [
        '"a" with "a/b"',
        '"a/b" with "a/b"',
        '"a/b" with "a"',
        '"a/b/c" with "a/b"',
        '"a/b/c" with "a"',
        '"a/b/c" with "a/b"',
      ].map(pair => `volume "v" (ConfigMap "m"): overlapping paths: ${pair}`),
    );
  });
});

describe('texts of clients that mean harm', () => {
  it.each(TEXTS)('%s is read at once', (_, read) => {
    expect(cpuMs(read)).toBeLessThan(1000);
  });

  it('are trimmed at their end alone', () => {
    expect(['/a//', '//a/b', '//', ''].map(text => trimEnd(text, '/'))).toEqual(['/a', '//a/b', '', '']);
  });
});
