import { beforeAll, describe, expect, it } from 'vitest';
import { decodeValue } from '../../../src/api/decode/json/decode-json.ts';
import { withResourceDefaults } from '../../../src/api/defaults/resources.ts';
import { loadPackages } from '../../../src/api/schema/packages.ts';
import { findResource, resourceType } from '../../../src/api/schema/resources/registry.ts';
import { strategyFor } from '../../../src/apiserver/resources/strategies.ts';
import type { ApiObject, StrategyContext } from '../../../src/apiserver/resources/strategy.ts';
import { cpuMs } from '../../harness/cpu-time.ts';

const COUNT = 20_000;
const many = <T>(make: (index: number) => T): T[] => Array.from({ length: COUNT }, (_, index) => make(index));
const CONTEXT: StrategyContext = {
  now: '2030-01-01T00:00:00Z',
  user: { name: 'u', groups: [], uid: '', extra: new Map() },
  newUid: () => 'uid',
  randomSuffix: () => 'abcde',
  warn() {},
};
const metadata = { name: 'x', namespace: 'n' };

/** Objects with very many parts that are compared with those of the stored object, or with each other. */
const OBJECTS: readonly (readonly [what: string, group: string, plural: string, object: () => object])[] = [
  [
    'ports of a service',
    '',
    'services',
    () => ({
      metadata,
      spec: {
        type: 'NodePort',
        ports: many(i => ({ name: `p${i}`, port: 1 + (i % 65_535), nodePort: 30_000 + (i % 2000) })),
      },
    }),
  ],
  [
    'tolerations of a pod',
    '',
    'pods',
    () => ({
      metadata,
      spec: { containers: [{ name: 'c', image: 'i' }], tolerations: many(i => ({ key: `k${i}`, operator: 'Exists' })) },
    }),
  ],
  [
    'drivers of a node',
    'storage.k8s.io',
    'csinodes',
    () => ({
      metadata: { name: 'x' },
      spec: { drivers: many(i => ({ name: `d${i}`, nodeID: 'n', topologyKeys: [] })) },
    }),
  ],
  [
    'topology keys of a driver',
    'storage.k8s.io',
    'csinodes',
    () => ({
      metadata: { name: 'x' },
      spec: { drivers: [{ name: 'd', nodeID: 'n', topologyKeys: many(i => `k${i}`) }] },
    }),
  ],
  [
    'equal topologies of a class',
    'storage.k8s.io',
    'storageclasses',
    () => ({
      metadata: { name: 'x' },
      provisioner: 'p',
      allowedTopologies: many(() => ({ matchLabelExpressions: [{ key: 'k', values: ['a'] }] })),
    }),
  ],
  [
    'scopes and amounts of a quota',
    '',
    'resourcequotas',
    () => ({
      metadata,
      spec: { hard: Object.fromEntries(many(i => [`count/x${i}.y`, '1'])), scopes: many(() => 'BestEffort') },
    }),
  ],
];

describe('objects with very many parts', () => {
  beforeAll(() => loadPackages());

  it.each(OBJECTS)('are checked at once: %s', (_, group, plural, make) => {
    const resource = findResource(group, 'v1', plural) ?? expect.fail(`${plural} are not in the registry`);
    const strategy = strategyFor(resource);
    const decoded = decodeValue(resourceType(resource), make()).object as unknown as ApiObject;
    const created = strategy.prepareForCreate(withResourceDefaults(resource, decoded), CONTEXT);
    const changed = { ...created, metadata: { ...created.metadata, labels: { a: 'b' } } };
    const update = () => {
      strategy.validate(created, CONTEXT);
      strategy.validateUpdate(strategy.prepareForUpdate(changed, created, CONTEXT), created, CONTEXT);
    };
    expect(cpuMs(update)).toBeLessThan(3000);
  });
});
