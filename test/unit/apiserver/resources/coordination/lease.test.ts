import { expect, it } from 'vitest';
import { Judge } from '../judge.ts';

const leases = new Judge('coordination.k8s.io', 'leases', { spec: { holderIdentity: 'a', leaseDurationSeconds: 5 } });

it('lasts some time and counts its holders', () => {
  expect(leases.created()).toEqual([]);
  expect(leases.created({ 'spec.leaseDurationSeconds': 0, 'spec.leaseTransitions': -1 })).toEqual([
    'spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0',
    'spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0',
  ]);
});

it('loses the fields of an election that upstream has behind a gate, but where they are', () => {
  const election = { 'spec.strategy': 'OldestEmulationVersion', 'spec.preferredHolder': 'b' };
  expect(leases.prepared(election)).toHaveProperty('spec', { holderIdentity: 'a', leaseDurationSeconds: 5 });
  expect(leases.replaced({ 'spec.preferredHolder': 'c' }, election).object).toHaveProperty('spec.preferredHolder', 'c');
});

it('checks them there', () => {
  const before = { 'spec.strategy': 'OldestEmulationVersion', 'spec.preferredHolder': 'b' };
  expect(leases.changed({ 'spec.strategy': 'example.com/Best' }, before)).toEqual([]);
  expect(leases.changed({ 'spec.strategy': 'Best' }, before)).toEqual([
    'spec.strategy.strategy: Unsupported value: "Best": supported values: "OldestEmulationVersion"',
  ]);
  expect(leases.changed({ 'spec.strategy': undefined }, before)).toEqual([
    'spec.preferredHolder: Forbidden: may only be specified if `strategy` is defined',
  ]);
});
