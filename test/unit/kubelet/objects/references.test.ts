import { expect, it } from 'vitest';
import { podReferences } from '../../../../src/kubelet/objects/references.ts';
import { podWith } from '../pods.ts';

it('finds every config map and secret that a pod may take, once', () => {
  const { pod } = podWith(`serviceAccountName: default
  imagePullSecrets: [{name: pull}, {}]
  volumes:
  - {name: a, configMap: {name: cm-volume}}
  - {name: b, secret: {secretName: s-volume, optional: true}}
  - {name: c, projected: {sources: [{configMap: {name: cm-projected}}, {secret: {name: s-projected}}, {serviceAccountToken: {path: t}}]}}
  - {name: d, emptyDir: {}}
  initContainers:
  - {name: i, image: i, envFrom: [{configMapRef: {name: cm-from}}, {secretRef: {name: s-from, optional: true}}]}
  containers:
  - {name: m, image: i, env: [{name: A, valueFrom: {configMapKeyRef: {name: cm-key, key: k}}}, {name: B, valueFrom: {secretKeyRef: {name: s-key, key: k}}}, {name: C, value: v}]}
  - {name: o, image: i, envFrom: [{configMapRef: {name: cm-from}}]}`);
  const { configMaps, secrets } = podReferences(pod.spec);
  expect([...configMaps].sort()).toEqual(['cm-from', 'cm-key', 'cm-projected', 'cm-volume']);
  expect([...secrets].sort()).toEqual(['pull', 's-from', 's-key', 's-projected', 's-volume']);
});
