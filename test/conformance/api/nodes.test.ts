import { expect, it } from 'vitest';
import { refusal } from '../../harness/api-client.ts';
import { describeApi, uniqueName } from './cluster.ts';
import { expectDiscovered, expectOperations } from './operations.ts';

describeApi('Nodes, Leases and RuntimeClasses', cluster => {
  it('[sig-node] Node Lifecycle should run through the lifecycle of a node [Conformance]', async () => {
    const nodes = cluster().of('Node');
    const name = uniqueName('node');
    const ready = { type: 'Ready', status: 'True', reason: 'Test', message: 'set by a test' };
    const created = await nodes.create({
      metadata: { name },
      spec: { unschedulable: true },
      status: { phase: 'Running', conditions: [ready] },
    });
    expect(created.spec?.unschedulable).toBe(true);
    expect(created.status?.conditions).toMatchObject([ready]);
    expect(await nodes.get(name)).toEqual(created);
    const patched = await nodes.patch(name, 'strategic-merge-patch', { metadata: { labels: { [name]: 'patched' } } });
    expect(patched.metadata.labels).toEqual({ [name]: 'patched' });
    expect(Number(patched.metadata.resourceVersion)).toBeGreaterThan(Number(created.metadata.resourceVersion));
    expect(await nodes.names({ labelSelector: `${name}=patched` })).toEqual([name]);
    const labels = { [name]: 'updated' };
    const updated = await nodes.update({ ...patched, metadata: { ...patched.metadata, labels } });
    expect(updated.metadata.labels).toEqual(labels);
    await nodes.delete(name);
    expect(await refusal(nodes.get(name))).toMatchObject({ code: 404, reason: 'NotFound' });
  });

  it('[sig-node] Lease lease API should be available [Conformance]', async () => {
    const leases = cluster().of('Lease', await cluster().namespace());
    const spec = (holderIdentity: string, leaseTransitions: number) => ({
      holderIdentity,
      leaseDurationSeconds: 30,
      acquireTime: '2026-01-01T00:00:02.000000Z',
      renewTime: '2026-01-01T00:00:05.123456Z',
      leaseTransitions,
    });
    const created = await leases.create({ metadata: { name: 'lease' }, spec: spec('holder', 0) });
    expect(created.spec).toEqual(spec('holder', 0));
    const updated = await leases.update({ ...created, spec: spec('holder2', 1) });
    expect(updated.spec).toEqual(spec('holder2', 1));
    const patched = await leases.patch('lease', 'strategic-merge-patch', { spec: spec('holder3', 2) });
    expect(patched.spec).toEqual(spec('holder3', 2));
    expect(Number(patched.metadata.resourceVersion)).toBeGreaterThan(Number(updated.metadata.resourceVersion));
    expect(await leases.get('lease')).toEqual(patched);
    await leases.create({ metadata: { name: 'lease2', labels: { set: 'true' } }, spec: spec('holder', 0) });
    expect(await leases.names()).toEqual(['lease', 'lease2']);
    await leases.deleteCollection({ labelSelector: 'set=true' });
    expect(await leases.names()).toEqual(['lease']);
    await leases.delete('lease');
    expect(await refusal(leases.get('lease'))).toMatchObject({ code: 404, reason: 'NotFound' });
    expect(await cluster().of('Lease').list()).toMatchObject({ kind: 'LeaseList' });
  });

  it('[sig-node] RuntimeClass should support RuntimeClasses API operations [Conformance]', async () => {
    await expectDiscovered(cluster().admin, 'node.k8s.io', 'v1', ['runtimeclasses']);
    await expectOperations({ resource: cluster().of('RuntimeClass'), draft: { handler: 'conformance-handler' } });
  });
});
