import { describe, expect, it } from 'vitest';
import type { Pod } from '../../../../src/api/types/gen/core-v1.ts';
import { invalidArgument, notFound, unavailable } from '../../../../src/base/errors.ts';
import type { Informed } from '../../../../src/client/informers.ts';
import { type Change, ObjectStore } from '../../../../src/client/object-store.ts';
import { StatusSender } from '../../../../src/kubelet/report/status-sender.ts';
import { StatusStore } from '../../../../src/kubelet/report/status-store.ts';

const signal = new AbortController().signal;
const local = { metadata: { name: 'p', namespace: 'default', uid: 'u' }, spec: {} } as unknown as Pod;

/** A sender over a store that the test fills, and what it asked of the API server. */
function world(meta: object = {}) {
  const store = new ObjectStore<Pod>();
  const listeners: ((change: Change<Pod>) => void)[] = [];
  const calls: string[] = [];
  const failures: Error[] = [];
  const called = (text: string): void => {
    calls.push(text);
    const failure = failures.shift();
    if (failure !== undefined) throw failure;
  };
  const client = {
    async patch(_target: object, _type: string, body: { status: object; metadata: object }) {
      called(`patch ${JSON.stringify(body)}`);
      const stored = store.get('default', 'p') ?? local;
      return {
        ...stored,
        metadata: { ...stored.metadata, resourceVersion: '9' },
        status: { ...stored.status, ...body.status },
      };
    },
    async delete(_namespace: string, name: string, options: object) {
      called(`delete ${name} ${JSON.stringify(options)}`);
    },
  };
  const pods = { store, client, onChange: (each: (change: Change<Pod>) => void) => listeners.push(each) };
  const statuses = new StatusStore();
  const told: string[] = [];
  const queued: string[] = [];
  const sender = new StatusSender({
    pods: pods as unknown as Informed<Pod>,
    statuses,
    onTold: uid => told.push(uid),
    enqueue: uid => queued.push(uid),
    onTrouble: () => {},
  });
  store.put({ ...local, metadata: { ...local.metadata, resourceVersion: '1', ...meta }, status: {} } as Pod);
  return { store, statuses, sender, calls, failures, told, queued };
}

const PATCH = 'patch {"metadata":{"uid":"u"},"status":{"phase":"Running"}}';
const DELETE = 'delete p {"gracePeriodSeconds":0,"preconditions":{"uid":"u"}}';

describe('the sender of statuses', () => {
  it('writes what differs once, and knows that before the watch tells', async () => {
    const { statuses, sender, calls, told, queued } = world();
    statuses.report('u', local, { phase: 'Running' });
    expect([queued, sender.isTold('u')]).toEqual([['u'], false]);
    await sender.reconcile('u', signal);
    await sender.reconcile('u', signal);
    expect([calls, told, sender.isTold('u')]).toEqual([[PATCH], ['u'], true]);
  });

  it('waits longer each time that the server is away, and sends the newest then', async () => {
    const { statuses, sender, calls, failures } = world();
    statuses.report('u', local, { phase: 'Pending' });
    failures.push(unavailable('away'), unavailable('away'));
    expect(await sender.reconcile('u', signal)).toMatchObject({ kind: 'wait', forMs: 100 });
    expect(await sender.reconcile('u', signal)).toMatchObject({ kind: 'wait', forMs: 200 });
    statuses.report('u', local, { phase: 'Running' });
    expect(await sender.reconcile('u', signal)).toEqual({ kind: 'settled' });
    expect(calls.at(-1)).toBe(PATCH);
  });

  it('lets a deleted pod go once nothing of it is left, after its last status', async () => {
    const { statuses, sender, calls } = world({ deletionTimestamp: 'now', deletionGracePeriodSeconds: 30 });
    statuses.report('u', local, { phase: 'Running' });
    await sender.reconcile('u', signal);
    expect(calls).toEqual([PATCH]);
    sender.onGone('u');
    await sender.reconcile('u', signal);
    expect(calls).toEqual([PATCH, DELETE]);
  });

  it('lets it go even where the server refuses its status, and does not ask again', async () => {
    const { statuses, sender, calls, failures } = world({ deletionTimestamp: 'now' });
    statuses.report('u', local, { phase: 'Running' });
    failures.push(invalidArgument('no such phase'));
    sender.onGone('u');
    await sender.reconcile('u', signal);
    expect([calls, sender.isTold('u')]).toEqual([[PATCH, DELETE], true]);
  });

  it('does not delete one again that waits for its finalizers', async () => {
    const { sender, calls } = world({ deletionTimestamp: 'now', deletionGracePeriodSeconds: 0, finalizers: ['x'] });
    sender.onGone('u');
    await sender.reconcile('u', signal);
    expect(calls).toEqual([]);
  });

  it('leaves a pod alone that took the name meanwhile, or went', async () => {
    const { store, statuses, sender, calls, failures } = world({ uid: 'other' });
    statuses.report('u', local, { phase: 'Running' });
    await sender.reconcile('u', signal);
    expect([calls, sender.isTold('u')]).toEqual([[], true]);
    store.put({ ...local, metadata: { ...local.metadata, resourceVersion: '2' }, status: {} } as Pod);
    failures.push(notFound('gone'));
    expect(await sender.reconcile('u', signal)).toEqual({ kind: 'settled' });
  });

  it('writes the status of a static pod to its copy', async () => {
    const annotations = { 'kubernetes.io/config.hash': 'h' };
    const { statuses, sender, calls } = world({ uid: 'copy', annotations: { 'kubernetes.io/config.mirror': 'h' } });
    statuses.report('u', { ...local, metadata: { ...local.metadata, annotations } }, { phase: 'Running' });
    await sender.reconcile('u', signal);
    expect(calls).toEqual([PATCH.replace('"u"', '"copy"')]);
  });
});
