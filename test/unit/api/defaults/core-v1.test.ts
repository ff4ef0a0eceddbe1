import { describe, expect, it } from 'vitest';
import { decodeManifest } from '../../../../src/api/decode/manifest.ts';
import { defaultPullPolicy, imageTag } from '../../../../src/api/defaults/image-tag.ts';
import { findKind, withDefaults } from '../../../../src/api/schema/kinds.ts';
import type { Container, Pod, PodSpec } from '../../../../src/api/types/gen/core-v1.ts';

function podOf(spec: object): Pod {
  const manifest = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' }, spec: { containers: [], ...spec } };
  const { objects, problems } = decodeManifest(JSON.stringify(manifest));
  expect(problems).toEqual([]);
  return objects[0]?.object as Pod;
}

const specOf = (spec: object): PodSpec => podOf(spec).spec;
const containerOf = (container: object, spec: object = {}): Container =>
  specOf({ ...spec, containers: [{ name: 'a', image: 'b:1', ...container }] }).containers[0] as Container;

describe('defaults of a pod', () => {
  it('sets what upstream sets in an almost empty pod', () => {
    expect(specOf({ containers: [{ name: 'a', image: 'b:1' }] })).toEqual({
      containers: [
        {
          name: 'a',
          image: 'b:1',
          resources: {},
          terminationMessagePath: '/dev/termination-log',
          terminationMessagePolicy: 'File',
          imagePullPolicy: 'IfNotPresent',
        },
      ],
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: 30,
      dnsPolicy: 'ClusterFirst',
      securityContext: {},
      schedulerName: 'default-scheduler',
      enableServiceLinks: true,
    });
  });

  it('leaves what is set, and a grace period of zero', () => {
    const set = {
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 0,
      dnsPolicy: 'None',
      enableServiceLinks: false,
    };
    expect(specOf(set)).toMatchObject(set);
  });

  it('is its own result when applied again', () => {
    const pod = podOf({
      containers: [{ name: 'a', image: 'b', ports: [{ containerPort: 1 }] }],
      volumes: [{ name: 'v' }],
    });
    const kind = findKind('v1', 'Pod');
    expect(kind && withDefaults(kind, pod)).toEqual(pod);
  });

  it.each([
    ['a port is TCP', { ports: [{ containerPort: 80 }] }, { ports: [{ containerPort: 80, protocol: 'TCP' }] }],
    [
      'a probe has the usual numbers, its request a path and a scheme',
      { livenessProbe: { httpGet: { port: 80 } } },
      {
        livenessProbe: {
          timeoutSeconds: 1,
          periodSeconds: 10,
          successThreshold: 1,
          failureThreshold: 3,
          httpGet: { port: 80, path: '/', scheme: 'HTTP' },
        },
      },
    ],
    [
      'a hook’s request too',
      { lifecycle: { preStop: { httpGet: { port: 1 } } } },
      { lifecycle: { preStop: { httpGet: { path: '/' } } } },
    ],
    [
      'a gRPC probe asks for the empty service',
      { livenessProbe: { grpc: { port: 1 } } },
      { livenessProbe: { grpc: { service: '' } } },
    ],
    [
      'a field reference is of v1',
      { env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }] },
      { env: [{ valueFrom: { fieldRef: { apiVersion: 'v1' } } }] },
    ],
    [
      'requests come from limits where they are not given',
      { resources: { limits: { cpu: '2', memory: '1Gi' }, requests: { cpu: '1' } } },
      { resources: { requests: { cpu: '1', memory: '1Gi' } } },
    ],
    [
      'resources are rounded up to thousandths',
      { resources: { requests: { cpu: '1500u' } } },
      { resources: { requests: { cpu: '2m' } } },
    ],
  ])('%s', (_, given, expected) => {
    expect(containerOf(given)).toMatchObject(expected);
  });

  it('gives every port its host port in the host’s network', () => {
    expect(containerOf({ ports: [{ containerPort: 80 }] }, { hostNetwork: true }).ports?.[0]?.hostPort).toBe(80);
  });

  it.each([
    ['a volume without a source is an emptyDir', {}, { emptyDir: {} }],
    ['a host path has no type', { hostPath: { path: '/x' } }, { hostPath: { type: '' } }],
    ['a secret’s files are 0644', { secret: { secretName: 's' } }, { secret: { defaultMode: 0o644 } }],
    ['a mode of zero stays', { secret: { secretName: 's', defaultMode: 0 } }, { secret: { defaultMode: 0 } }],
    [
      'a projected token lives an hour',
      { projected: { sources: [{ serviceAccountToken: { path: 't' } }] } },
      { projected: { defaultMode: 0o644, sources: [{ serviceAccountToken: { expirationSeconds: 3600 } }] } },
    ],
    ['an image volume pulls like a container', { image: { reference: 'a' } }, { image: { pullPolicy: 'Always' } }],
    [
      'marked defaults apply deep inside',
      { azureDisk: { diskName: 'd', diskURI: 'u' } },
      { azureDisk: { fsType: 'ext4', cachingMode: 'ReadWrite', kind: 'Shared' } },
    ],
  ])('%s', (_, given, expected) => {
    expect(specOf({ volumes: [{ name: 'v', ...given }] }).volumes?.[0]).toMatchObject(expected);
  });

  it('fills pod-level requests from the containers, then from the pod’s limits', () => {
    const spec = specOf({
      containers: [{ name: 'a', image: 'b', resources: { requests: { cpu: '1' } } }],
      resources: { limits: { cpu: '2', memory: '1Gi' } },
    });
    expect(spec.resources?.requests).toEqual({ cpu: '1', memory: '1Gi' });
  });
});

describe('the tag of an image', () => {
  it.each([
    ['nginx', 'latest', 'Always'],
    ['nginx:latest', 'latest', 'Always'],
    ['nginx:1.27', '1.27', 'IfNotPresent'],
    ['registry:5000/nginx', 'latest', 'Always'],
    ['registry:5000/nginx:1', '1', 'IfNotPresent'],
    ['nginx@sha256:abc', '', 'IfNotPresent'],
  ])('of %s is "%s", so the policy is %s%s', (reference, tag, policy) => {
    expect([imageTag(reference), defaultPullPolicy(reference)]).toEqual([tag, policy]);
  });
});
