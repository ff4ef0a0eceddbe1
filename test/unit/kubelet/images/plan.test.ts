import { describe, expect, it } from 'vitest';
import { imageReference, planImage, pullFailureReason } from '../../../../src/kubelet/images/plan.ts';

describe('planImage', () => {
  it.each([
    ['Always', true, 'pull'],
    ['Always', false, 'pull'],
    ['IfNotPresent', true, 'use'],
    ['IfNotPresent', false, 'pull'],
    ['Never', true, 'use'],
    ['Never', false, 'refuse'],
  ] as const)('%s, present %s: %s', (policy, present, step) => {
    expect(planImage(policy, present)).toBe(step);
  });
});

describe('imageReference', () => {
  const digest = `@sha256:${'a'.repeat(64)}`;
  it.each<[string, string | undefined, string]>([
    ['busybox', 'busybox:latest', 'neither tag nor digest'],
    ['busybox:1.35', 'busybox:1.35', 'a tag'],
    ['reg.example:5000/a/b', 'reg.example:5000/a/b:latest', 'the port of a registry is no tag'],
    ['localhost/a_b__c-d.e:v1', 'localhost/a_b__c-d.e:v1', 'every separator'],
    [`a/b${digest}`, `a/b${digest}`, 'a digest'],
    [`a/b:1${digest}`, `a/b:1${digest}`, 'both'],
    ['[::1]:5000/a', '[::1]:5000/a:latest', 'a registry by IPv6 address'],
    ['a/UPPER', undefined, 'the path has no capitals'],
    ['', undefined, 'nothing'],
    ['a b', undefined, 'a blank'],
    ['a:', undefined, 'a tag that is empty'],
    ['a//b', undefined, 'a component that is empty'],
  ])('%s is asked for as %s: %s', (image, reference) => {
    expect(imageReference(image)).toBe(reference);
  });
});

describe('pullFailureReason', () => {
  it('follows the runtime where it names a reason', () => {
    expect(pullFailureReason('RegistryUnavailable: connection refused')).toBe('RegistryUnavailable');
    expect(pullFailureReason('not found')).toBe('ErrImagePull');
  });
});
