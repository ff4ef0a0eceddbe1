import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../src/api/types/gen/core-v1.ts';
import type { VolumeAttributesClass } from '../../src/api/types/gen/storage-v1.ts';
import { isNotFound } from '../../src/base/errors.ts';
import type { ApiObject } from '../../src/client/api-object.ts';
import { ApiConnection } from '../../src/client/connection.ts';
import { readKubeconfig } from '../../src/client/kubeconfig.ts';
import { ResourceClient } from '../../src/client/resource-client.ts';
import {
  PERSISTENT_VOLUME_CLAIMS,
  PERSISTENT_VOLUMES,
  PODS,
  VOLUME_ATTRIBUTES_CLASSES,
} from '../../src/controllers/resources.ts';
import { TestApiServer } from '../harness/api-server.ts';
import { TestControllerManager } from '../harness/controller-manager.ts';
import { waitFor } from '../harness/wait-for.ts';

const KINDS = ['persistentvolumeclaim', 'persistentvolume', 'volumeattributesclass'].map(kind => `${kind}-protection`);
const FLAGS = ['--leader-elect=false', `--controllers=serviceaccount,${KINDS.join(',')}`];

describe('what is in use is kept', () => {
  let server: TestApiServer;
  let manager: TestControllerManager;
  let connection: ApiConnection;
  let claims: ResourceClient<PersistentVolumeClaim>;
  let volumes: ResourceClient<PersistentVolume>;
  let classes: ResourceClient<VolumeAttributesClass>;
  let pods: ResourceClient<Pod>;

  const claim = (name: string, spec: object = {}): PersistentVolumeClaim =>
    ({
      metadata: { name, namespace: 'default' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec },
    }) as unknown as PersistentVolumeClaim;
  const volume = (name: string): PersistentVolume =>
    ({
      metadata: { name },
      spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/srv/x' } },
    }) as unknown as PersistentVolume;
  const user = (name: string, claimName: string): Pod =>
    ({
      metadata: { name, namespace: 'default' },
      spec: {
        nodeName: 'somewhere',
        containers: [{ name: 'c', image: 'registry.test/c:1' }],
        volumes: [{ name: 'data', persistentVolumeClaim: { claimName } }],
      },
    }) as unknown as Pod;

  const gone = <T extends ApiObject>(client: ResourceClient<T>, namespace: string, name: string): Promise<true> =>
    waitFor(`${name} to be gone`, async saw => {
      try {
        saw({ object: await client.get(namespace, name), log: manager.log.slice(-400) });
        return false;
      } catch (error) {
        return isNotFound(error);
      }
    });

  beforeAll(async () => {
    server = await TestApiServer.start();
    const kubeconfig = server.kubeconfigFor('admin', ['system:masters']);
    connection = new ApiConnection(readKubeconfig(kubeconfig), { userAgent: 'gantry-test' });
    claims = new ResourceClient<PersistentVolumeClaim>(connection, PERSISTENT_VOLUME_CLAIMS);
    volumes = new ResourceClient<PersistentVolume>(connection, PERSISTENT_VOLUMES);
    classes = new ResourceClient<VolumeAttributesClass>(connection, VOLUME_ATTRIBUTES_CLASSES);
    pods = new ResourceClient<Pod>(connection, PODS);
    manager = await TestControllerManager.start(kubeconfig, FLAGS);
  });

  afterAll(async () => {
    connection?.close();
    await manager?.stop();
    await server?.remove();
  });

  it('a claim until the last pod with a node is gone, over kill -9 of the controllers', async () => {
    const made = await claims.create(claim('data'));
    expect(made.metadata.finalizers).toEqual(['kubernetes.io/pvc-protection']);
    await waitFor('the first pod to be taken', async () => {
      await pods.create(user('one', 'data'));
      return true;
    });
    await pods.create(user('two', 'data'));
    await claims.delete('default', 'data');
    await claims.create(claim('unused'));
    await claims.delete('default', 'unused');
    await gone(claims, 'default', 'unused');
    await pods.delete('default', 'one', { gracePeriodSeconds: 0 });
    await manager.stop();
    expect((await claims.get('default', 'data')).metadata.deletionTimestamp).toBeDefined();
    await pods.delete('default', 'two', { gracePeriodSeconds: 0 });
    await manager.start();
    await gone(claims, 'default', 'data');
  });

  it('a claim whose only pod never got a node is not kept', async () => {
    await claims.create(claim('waiting'));
    const pod = user('unscheduled', 'waiting');
    await pods.create({ ...pod, spec: { ...pod.spec, nodeName: undefined } });
    await claims.delete('default', 'waiting');
    await gone(claims, 'default', 'waiting');
  });

  it('a volume while it is bound', async () => {
    const made = await volumes.create(volume('disk'));
    expect(made.metadata.finalizers).toEqual(['kubernetes.io/pv-protection']);
    const target = { namespace: '', name: 'disk', subresource: 'status' };
    await volumes.patch(target, 'merge', { status: { phase: 'Bound' } });
    await volumes.delete('', 'disk');
    await volumes.create(volume('other'));
    await volumes.delete('', 'other');
    await gone(volumes, '', 'other');
    expect((await volumes.get('', 'disk')).metadata.finalizers).toEqual(['kubernetes.io/pv-protection']);
    await volumes.patch(target, 'merge', { status: { phase: 'Released' } });
    await gone(volumes, '', 'disk');
  });

  it('a class of attributes while a claim names it', async () => {
    const metadata = { name: 'fast' };
    await classes.create({ metadata, driverName: 'csi.test', parameters: { iops: '1' } } as VolumeAttributesClass);
    await claims.create(claim('tuned', { volumeAttributesClassName: 'fast' }));
    // the class is deleted only once the claim is surely seen: what is deleted before it, is gone before it
    await classes.create({
      metadata: { name: 'free' },
      driverName: 'csi.test',
      parameters: { a: 'b' },
    } as VolumeAttributesClass);
    await waitFor('the claim to be seen', async () => {
      await claims.create(claim('marker'));
      await claims.delete('default', 'marker');
      return gone(claims, 'default', 'marker');
    });
    await classes.delete('', 'fast');
    await classes.delete('', 'free');
    await gone(classes, '', 'free');
    expect((await classes.get('', 'fast')).metadata.finalizers).toEqual(['kubernetes.io/vac-protection']);
    await claims.delete('default', 'tuned');
    await gone(classes, '', 'fast');
  });
});
