import { describe, expect, it } from 'vitest';
import type { Namespace } from '../../../src/api/types/gen/core-v1.ts';
import {
  endingConditions,
  type Findings,
  isEnding,
  nextLookMs,
  withoutFinalizer,
} from '../../../src/controllers/namespace/plan.ts';

const NOW = '2030-01-01T00:00:00Z';
const LATER = '2030-01-01T00:00:10Z';
const CLEAN: Findings = { leftovers: [], failures: [], discoveryFailures: [] };
const held = (finalizer: string, count: number) => ({
  resource: 'configmaps',
  count,
  finalizers: new Map([[finalizer, count]]),
  graceSeconds: 0,
});

const namespace = (finalizers: string[], deletionTimestamp?: string): Namespace =>
  ({ metadata: { name: 'n', deletionTimestamp }, spec: { finalizers }, status: { phase: 'Active' } }) as Namespace;

describe('a namespace that ends', () => {
  it.each([
    ['one that nobody deleted', namespace(['kubernetes']), false],
    ['one that is deleted', namespace(['kubernetes'], NOW), true],
    ['one that only others hold', namespace(['example.com/x'], NOW), false],
  ])('is told from others: %s', (_, given, expected) => {
    expect(isEnding(given)).toBe(expected);
  });

  it('loses our finalizer and keeps those of others', () => {
    expect(withoutFinalizer(namespace(['kubernetes', 'example.com/x'])).spec.finalizers).toEqual(['example.com/x']);
  });

  it('has five conditions that say that all is well', () => {
    const conditions = endingConditions([], CLEAN, NOW);
    expect(conditions.map(c => [c.type, c.status, c.reason])).toEqual([
      ['NamespaceDeletionDiscoveryFailure', 'False', 'ResourcesDiscovered'],
      ['NamespaceDeletionGroupVersionParsingFailure', 'False', 'ParsedGroupVersions'],
      ['NamespaceDeletionContentFailure', 'False', 'ContentDeleted'],
      ['NamespaceContentRemaining', 'False', 'ContentRemoved'],
      ['NamespaceFinalizersRemaining', 'False', 'ContentHasNoFinalizers'],
    ]);
    expect(endingConditions(conditions, CLEAN, LATER)).toBe(conditions);
  });

  it('says what is left, and what it waits for', () => {
    const conditions = endingConditions([], { ...CLEAN, leftovers: [held('example.com/x', 2)] }, NOW);
    expect(conditions.slice(3).map(c => [c.status, c.message])).toEqual([
      ['True', 'Some resources are remaining: configmaps has 2 resource instances'],
      ['True', 'Some content in the namespace has finalizers remaining: example.com/x in 2 resource instances'],
    ]);
  });

  it('says what failed', () => {
    const findings = {
      ...CLEAN,
      failures: [{ resource: 'pods', message: 'pods is forbidden' }],
      discoveryFailures: ['metrics.k8s.io/v1: timed out'],
    };
    const conditions = endingConditions([], findings, NOW);
    expect([conditions[0]?.message, conditions[2]?.message]).toEqual([
      'Discovery failed for some groups, 1 failing: metrics.k8s.io/v1: timed out',
      'Failed to delete all resource types, 1 remaining: pods is forbidden',
    ]);
  });

  it('moves the time of a condition only when its status changes', () => {
    const before = endingConditions([], { ...CLEAN, leftovers: [held('a', 2)] }, NOW);
    const fewer = endingConditions(before, { ...CLEAN, leftovers: [held('a', 1)] }, LATER);
    expect([fewer[3]?.lastTransitionTime, fewer[3]?.message]).toEqual([
      NOW,
      'Some resources are remaining: configmaps has 1 resource instances',
    ]);
    expect(endingConditions(fewer, CLEAN, LATER)[3]?.lastTransitionTime).toBe(LATER);
  });

  it.each([
    ['after half the grace of its pods and a second', 30, 16_000],
    ['after 8 s where nobody knows how long it takes', 0, 8_000],
  ])('is looked at again %s', (_, graceSeconds, expected) => {
    expect(nextLookMs({ ...CLEAN, leftovers: [{ ...held('a', 1), graceSeconds }] })).toBe(expected);
  });
});
