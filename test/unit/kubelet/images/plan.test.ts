import { describe, expect, it } from 'vitest';
import {
  goDurationMs,
  imageReference,
  planImage,
  pullFailure,
  repositoryOf,
} from '../../../../src/kubelet/images/plan.ts';

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

describe('pullFailure', () => {
  it.each([
    [
      'RegistryUnavailable: connection refused',
      'RegistryUnavailable',
      'image pull failed for r/a because the registry is unavailable: connection refused',
    ],
    [
      'SignatureValidationFailed',
      'SignatureValidationFailed',
      'image pull failed for r/a because the signature validation failed',
    ],
    ['not found', 'ErrImagePull', 'failed to pull image "r/a": not found'],
  ])('reads %s as %s', (said, reason, message) => {
    expect(pullFailure('r/a', said)).toEqual({ reason, message });
  });
});

describe('repositoryOf', () => {
  it.each([
    ['busybox:1', 'docker.io/library/busybox'],
    ['me/app:1', 'docker.io/me/app'],
    ['docker.io/busybox', 'docker.io/library/busybox'],
    ['index.docker.io/me/app', 'docker.io/me/app'],
    ['localhost/app:1', 'localhost/app'],
    ['reg.example/app:1', 'reg.example/app'],
    ['reg:5000/a/b:1', 'reg:5000/a/b'],
    [`reg.example/app@sha256:${'a'.repeat(64)}`, 'reg.example/app'],
  ])('of %s is %s', (reference, expected) => {
    expect(repositoryOf(reference)).toBe(expected);
  });
});

describe('goDurationMs', () => {
  it.each([
    [0.4, '0s'],
    [83.9, '83ms'],
    [1_500, '1.5s'],
    [62_250, '1m2.25s'],
    [3_600_000, '1h0m0s'],
  ])('%d ms are %s', (ms, expected) => {
    expect(goDurationMs(ms)).toBe(expected);
  });
});
