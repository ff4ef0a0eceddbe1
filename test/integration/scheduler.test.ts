import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Event, Node, Pod, ServiceAccount } from '../../src/api/types/gen/core-v1.ts';
import type { Event as SeriesEvent } from '../../src/api/types/gen/events-v1.ts';
import type { PriorityClass } from '../../src/api/types/gen/scheduling-v1.ts';
import { ApiConnection } from '../../src/client/connection.ts';
import { Informers } from '../../src/client/informers.ts';
import { readKubeconfig } from '../../src/client/kubeconfig.ts';
import { ResourceClient } from '../../src/client/resource-client.ts';
import { EVENTS, NODES, PODS } from '../../src/scheduler/resources.ts';
import { TestApiServer } from '../harness/api-server.ts';
import { TestScheduler } from '../harness/scheduler.ts';
import { waitFor } from '../harness/wait-for.ts';

const CORE_EVENTS = { group: '', version: 'v1', plural: 'events' };
const PRIORITY_CLASSES = { group: 'scheduling.k8s.io', version: 'v1', plural: 'priorityclasses' };
const SERVICE_ACCOUNTS = { group: '', version: 'v1', plural: 'serviceaccounts' };

describe('the scheduler', () => {
  let server: TestApiServer;
  let scheduler: TestScheduler;
  let connection: ApiConnection;
  let nodes: ResourceClient<Node>;
  let pods: ResourceClient<Pod>;

  const addNode = async (name: string, cpu: string, spec: object = {}): Promise<void> => {
    const labels = { 'kubernetes.io/hostname': name };
    await nodes.create({ metadata: { name, labels }, spec } as unknown as Node);
    const capacity = { cpu, memory: '4Gi', pods: '110' };
    await nodes.patch({ namespace: '', name, subresource: 'status' }, 'merge', {
      status: { allocatable: capacity, capacity },
    });
    // admission taints a new node until somebody says that it is ready
    await nodes.patch({ namespace: '', name }, 'merge', { spec: { taints: null, ...spec } });
  };

  const pod = (name: string, cpu: string, spec: object = {}): Pod =>
    ({
      metadata: { name, namespace: 'default' },
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [{ name: 'c', image: 'registry.test/c:1', resources: { requests: { cpu } } }],
        ...spec,
      },
    }) as unknown as Pod;

  const boundTo = (name: string): Promise<string> =>
    waitFor(`${name} to be bound`, async saw => {
      const found = await pods.get('default', name);
      saw({ conditions: found.status.conditions, log: scheduler.log.slice(-800) });
      return found.spec.nodeName;
    });

  const refusalOf = (name: string, expected?: string): Promise<string> =>
    waitFor(`${name} to be refused`, async saw => {
      const found = await pods.get('default', name);
      const condition = found.status.conditions?.find(({ type }) => type === 'PodScheduled');
      saw({ condition, log: scheduler.log.slice(-800) });
      const message = condition?.status === 'False' ? condition.message : undefined;
      return expected === undefined || message === expected ? message : undefined;
    });

  beforeAll(async () => {
    server = await TestApiServer.start();
    const admin = server.kubeconfigFor('admin', ['system:masters']);
    connection = new ApiConnection(readKubeconfig(admin), { userAgent: 'gantry-test' });
    nodes = new ResourceClient<Node>(connection, NODES);
    pods = new ResourceClient<Pod>(connection, PODS);
    const accounts = new ResourceClient<ServiceAccount>(connection, SERVICE_ACCOUNTS);
    await accounts.create({ metadata: { name: 'default', namespace: 'default' } } as unknown as ServiceAccount);
    // with the rights that a cluster gives to its scheduler, no more
    const own = server.kubeconfigFor('system:kube-scheduler', []);
    scheduler = await TestScheduler.start(own, ['--leader-elect=false']);
  });

  afterAll(async () => {
    connection?.close();
    await scheduler?.stop();
    await server?.remove();
  });

  it('tells of a pod that there is no node for', async () => {
    await pods.create(pod('first', '100m'));
    expect(await refusalOf('first')).toBe('no nodes available to schedule pods');
  });

  it('gives it one as soon as there is one, and tells of that', async () => {
    await addNode('n1', '2');
    expect(await boundTo('first')).toBe('n1');
    const events = new ResourceClient<SeriesEvent>(connection, EVENTS);
    const told = await waitFor('the event', async () =>
      (await events.list('default')).items.find(each => each.reason === 'Scheduled'),
    );
    expect(told).toMatchObject({
      action: 'Binding',
      note: 'Successfully assigned default/first to n1',
      reportingController: 'default-scheduler',
      regarding: { kind: 'Pod', name: 'first' },
    });
  });

  it('explains for every node why a pod does not fit', async () => {
    await addNode('n2', '8', { taints: [{ key: 'dedicated', value: 'db', effect: 'NoSchedule' }] });
    await addNode('n3', '8', { unschedulable: true });
    await pods.create(pod('large', '4'));
    const text =
      '0/3 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint(s), 1 node(s) were unschedulable.';
    expect((await refusalOf('large')).startsWith(text)).toBe(true);
    const events = new ResourceClient<Event>(connection, CORE_EVENTS);
    const told = await waitFor('the event', async () =>
      (await events.list('default')).items.find(
        each => each.reason === 'FailedScheduling' && each.involvedObject.name === 'large',
      ),
    );
    expect(told.message?.startsWith(text)).toBe(true);
  });

  it('tries it again when a node changes so that it fits', async () => {
    await nodes.patch({ namespace: '', name: 'n2' }, 'merge', { spec: { taints: null } });
    expect(await boundTo('large')).toBe('n2');
  });

  it('leaves the pods of other schedulers and gated ones alone, and takes a pod whose gate is gone', async () => {
    await pods.create(pod('foreign', '100m', { schedulerName: 'other' }));
    await pods.create(pod('gated', '100m', { schedulingGates: [{ name: 'test/wait' }] }));
    await pods.create(pod('after', '100m'));
    await boundTo('after');
    expect((await pods.get('default', 'foreign')).spec.nodeName).toBeUndefined();
    expect((await pods.get('default', 'gated')).spec.nodeName).toBeUndefined();
    await pods.patch({ namespace: 'default', name: 'gated' }, 'merge', { spec: { schedulingGates: null } });
    await boundTo('gated');
  });

  it('gives the place of a pod that is gone, or has ended, to the next', async () => {
    await pods.create(pod('holder', '3500m', { nodeSelector: { 'kubernetes.io/hostname': 'n2' } }));
    expect(await boundTo('holder')).toBe('n2');
    await pods.create(pod('waiter', '3500m', { nodeSelector: { 'kubernetes.io/hostname': 'n2' } }));
    await refusalOf('waiter');
    await pods.patch({ namespace: 'default', name: 'holder', subresource: 'status' }, 'merge', {
      status: { phase: 'Succeeded' },
    });
    expect(await boundTo('waiter')).toBe('n2');
  });

  it('removes a pod that matters less, tells why, and keeps the node meanwhile', async () => {
    const classes = new ResourceClient<PriorityClass>(connection, PRIORITY_CLASSES);
    await classes.create({ metadata: { name: 'high' }, value: 1000 } as unknown as PriorityClass);
    await addNode('p1', '2', { taints: [{ key: 'only', value: 'preemption', effect: 'NoSchedule' }] });
    const there = {
      tolerations: [{ key: 'only', operator: 'Exists' }],
      nodeSelector: { 'kubernetes.io/hostname': 'p1' },
    };
    // nobody ends its containers, so it stays until the test says that it is gone
    await pods.create(pod('low', '2', { ...there, terminationGracePeriodSeconds: 30 }));
    await boundTo('low');
    await pods.create(pod('high', '2', { ...there, priorityClassName: 'high' }));
    const going = await waitFor('the lower one to go', async () => {
      const found = await pods.get('default', 'low');
      return found.metadata.deletionTimestamp === undefined ? undefined : found;
    });
    expect(going.status.conditions).toContainEqual(
      expect.objectContaining({
        type: 'DisruptionTarget',
        status: 'True',
        reason: 'PreemptionByScheduler',
        message: 'default-scheduler: preempting to accommodate a higher priority pod',
      }),
    );
    const waiting = await waitFor('the node to be kept', async () => {
      const found = await pods.get('default', 'high');
      return found.status.nominatedNodeName === undefined ? undefined : found;
    });
    expect(waiting.status.nominatedNodeName).toBe('p1');
    const told = await waitFor('the event', async () =>
      (await new ResourceClient<SeriesEvent>(connection, EVENTS).list('default')).items.find(
        each => each.reason === 'Preempted',
      ),
    );
    expect(told.note).toBe(`Preempted by pod ${waiting.metadata.uid} on node p1`);
    // killed while it waits, the next one waits on
    await scheduler.stop();
    await scheduler.start();
    await pods.delete('default', 'low', { gracePeriodSeconds: 0 });
    expect(await boundTo('high')).toBe('p1');
  });

  /** Creates pods, breaks something once some of them are bound, mends it, and tells how many nodes each of them has had. */
  const boundOver = async (app: string, whileBinding: () => Promise<void>): Promise<readonly number[]> => {
    const bindings = new Map<string, Set<string>>();
    const watching = new AbortController();
    const informers = new Informers(connection, { onTrouble: () => {} });
    informers.of<Pod>(PODS, { labelSelector: `app=${app}` }).onChange(({ key, after }) => {
      const { nodeName } = after?.spec ?? {};
      if (nodeName !== undefined) bindings.set(key, (bindings.get(key) ?? new Set()).add(nodeName));
    });
    const watch = informers.run(watching.signal, () => {});
    const names = Array.from({ length: 100 }, (_, i) => `${app}-${i}`);
    for (const name of names)
      await pods.create({ ...pod(name, '200m'), metadata: { name, namespace: 'default', labels: { app } } } as Pod);
    await scheduler.start();
    await waitFor('some to be bound', () => bindings.size > 5, { pauseMs: 1 });
    await whileBinding();
    await waitFor('all to be bound', saw => {
      saw({ bound: bindings.size, log: scheduler.log.slice(-800) });
      return bindings.size === names.length;
    });
    watching.abort();
    await watch;
    return [...bindings.values()].map(each => each.size);
  };

  it('binds every pod exactly once over kill -9 in the middle', async () => {
    await addNode('n4', '64');
    await scheduler.stop();
    const counts = await boundOver('many', async () => {
      await scheduler.stop();
      await scheduler.start();
    });
    expect(counts).toEqual(Array(100).fill(1));
  });

  it('binds every pod exactly once over kill -9 of the API server in the middle', async () => {
    await addNode('n5', '64');
    await scheduler.stop();
    const counts = await boundOver('away', async () => {
      await server.kill();
      await server.start();
    });
    expect(counts).toEqual(Array(100).fill(1));
  });
});
