import { describe, expect, it } from 'vitest';
import type { Node, Pod } from '../../../src/api/types/gen/core-v1.ts';
import { SchedulerWorld } from '../../harness/scheduler-world.ts';
import { testNode, testPod } from '../../harness/scheduling.ts';

describe('the scheduler', () => {
  it('binds a pod to a node that takes it', async () => {
    const world = new SchedulerWorld();
    world.putNode(testNode('n'));
    world.putPod(testPod('p'));
    await world.work();
    expect(world.bound).toEqual(['default/p n']);
  });

  it('goes on with the others where somebody has broken a pod and a node', async () => {
    const world = new SchedulerWorld();
    world.putNode({ ...testNode('broken'), status: null } as unknown as Node);
    world.putNode(testNode('n'));
    world.putPod({ ...testPod('broken'), spec: null } as unknown as Pod);
    world.putPod(testPod('p'));
    await world.work();
    expect(world.bound).toEqual(['default/p n']);
  });

  it('counts a pod that is about to be bound before it tries the next', async () => {
    const world = new SchedulerWorld();
    world.putNode(testNode('n', { allocatable: { cpu: '1' } }));
    for (const name of ['p', 'q']) world.putPod(testPod(name, { requests: { cpu: '600m' } }));
    await world.work();
    expect([world.bound, world.refusalOf('q')]).toEqual([
      ['default/p n'],
      '0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.',
    ]);
  });

  it('tries a pod again when a place becomes free', async () => {
    const world = new SchedulerWorld();
    world.putNode(testNode('n', { allocatable: { cpu: '1' } }));
    for (const name of ['p', 'q']) world.putPod(testPod(name, { requests: { cpu: '600m' } }));
    await world.work();
    world.removePod('default/p');
    await world.work();
    expect(world.nodeOf('q')).toBe('n');
  });

  it('tells of pods while there is no node, and binds them when there is', async () => {
    const world = new SchedulerWorld();
    world.putPod(testPod('p'));
    await world.work();
    expect(world.refusals[0]?.refusal).toEqual({
      reason: 'Unschedulable',
      message: 'no nodes available to schedule pods',
      nominatedNode: '',
    });
    world.putNode(testNode('n'));
    await world.work();
    expect(world.nodeOf('p')).toBe('n');
  });

  it('gives the place back when a binding fails, tells of it, and tries again after a pause', async () => {
    const world = new SchedulerWorld();
    world.putNode(testNode('n', { allocatable: { cpu: '1' } }));
    world.putPod(testPod('p', { requests: { cpu: '1' } }));
    world.answer = () => new Error('broken');
    await world.work();
    expect(world.refusals.map(({ refusal }) => [refusal.reason, refusal.message])).toEqual([
      ['SchedulerError', 'broken'],
    ]);
    world.answer = () => undefined;
    world.putPod(testPod('q', { requests: { cpu: '1' } }));
    await world.work();
    expect(world.nodeOf('q')).toBe('n');
    world.removePod('default/q');
    await world.clock.advance(2_000);
    await world.work();
    expect(world.nodeOf('p')).toBe('n');
  });

  it('tries a pod as it is by then when its binding failed and it has changed meanwhile', async () => {
    const world = new SchedulerWorld();
    world.putNode(testNode('n'));
    world.putNode(testNode('m', { labels: { disk: 'ssd' } }));
    world.putPod(testPod('p', { spec: { nodeSelector: { 'kubernetes.io/hostname': 'n' } } }));
    world.answer = () => {
      world.putPod(testPod('p', { spec: { nodeSelector: { disk: 'ssd' } } }));
      return new Error('broken');
    };
    await world.work();
    world.answer = () => undefined;
    await world.clock.advance(2_000);
    await world.work();
    expect(world.nodeOf('p')).toBe('m');
  });

  it('leaves pods alone that are for others, have a node, or are being deleted', async () => {
    const world = new SchedulerWorld();
    world.putNode(testNode('n'));
    world.putPod(testPod('other', { spec: { schedulerName: 'other' } }));
    world.putPod(testPod('placed', { node: 'm' }));
    world.putPod(testPod('going', { metadata: { deletionTimestamp: '2030-01-01T00:00:00Z' } }));
    await world.work();
    expect([world.bound, world.skipped]).toEqual([[], ['default/going']]);
  });

  it('goes on with others when a pod cannot be read', async () => {
    const world = new SchedulerWorld();
    world.putNode(testNode('n'));
    const broken = testPod('broken', { priority: 9 });
    world.putPod({ ...broken, spec: { ...broken.spec, tolerations: 'none' } } as unknown as Pod);
    world.putPod(testPod('p'));
    await world.work();
    expect([world.nodeOf('p'), world.refusals[0]?.refusal.reason]).toEqual(['n', 'SchedulerError']);
  });

  it('takes a pod for another one when it was deleted and made anew under its name', async () => {
    const world = new SchedulerWorld();
    world.putNode(testNode('n', { allocatable: { cpu: '1' } }));
    world.putPod(testPod('p', { requests: { cpu: '1' } }));
    await world.work();
    world.putPod(testPod('p', { requests: { cpu: '1' }, metadata: { uid: 'second' } }));
    await world.work();
    expect(world.bound).toEqual(['default/p n', 'default/p n']);
  });

  it('does not let a pod in that is gone before its binding was answered', async () => {
    const world = new SchedulerWorld();
    world.putNode(testNode('n', { allocatable: { cpu: '1' } }));
    world.putPod(testPod('p', { requests: { cpu: '1' } }));
    world.answer = () => {
      world.removePod('default/p');
      return new Error('not found');
    };
    await world.work();
    world.answer = () => undefined;
    world.putPod(testPod('q', { requests: { cpu: '1' } }));
    await world.work();
    expect(world.nodeOf('q')).toBe('n');
  });
});

describe('a pod that matters more', () => {
  const full = (): SchedulerWorld => {
    const world = new SchedulerWorld();
    world.putNode(testNode('n', { allocatable: { cpu: '2' } }));
    world.putPod(testPod('low', { priority: 1, requests: { cpu: '1' }, node: 'n' }));
    world.putPod(testPod('lower', { priority: 0, requests: { cpu: '1' }, node: 'n' }));
    return world;
  };

  it('takes the place of one that matters less, and of no more than it needs', async () => {
    const world = full();
    world.putPod(testPod('p', { priority: 5, requests: { cpu: '1' } }));
    await world.work();
    expect([world.preempted, world.nodeOf('p')]).toEqual([['default/lower for default/p'], 'n']);
  });

  it('has the node kept for it meanwhile, also against those that come in between', async () => {
    const world = full();
    world.putPod(testPod('p', { priority: 5, requests: { cpu: '1' } }));
    world.holdVictims = true;
    await world.work();
    expect(world.refusals.at(-1)?.refusal).toEqual({
      reason: 'Unschedulable',
      message: '0/1 nodes are available: 1 Insufficient cpu.',
      nominatedNode: 'n',
    });
    world.removePod('default/lower');
    world.putPod(testPod('quick', { priority: 4, requests: { cpu: '1' } }));
    await world.work();
    expect([world.nodeOf('p'), world.nodeOf('quick')]).toEqual(['n', undefined]);
  });

  it('waits for those that are going already instead of removing more', async () => {
    const world = full();
    world.putPod(testPod('p', { priority: 5, requests: { cpu: '1' } }));
    world.holdVictims = true;
    await world.work();
    world.putNode(testNode('m', { allocatable: { cpu: '1m' } }));
    const conditions = [{ type: 'DisruptionTarget', status: 'True', reason: 'PreemptionByScheduler' }];
    world.putPod(
      testPod('lower', {
        priority: 0,
        requests: { cpu: '1' },
        node: 'n',
        metadata: { deletionTimestamp: '2030-01-01T00:00:00Z' },
        status: { conditions },
      }),
    );
    world.putPod(testPod('p', { priority: 5, requests: { cpu: '999m' } }));
    await world.work();
    expect(world.preempted).toEqual(['default/lower for default/p']);
    expect(world.refusals.at(-1)?.refusal).toMatchObject({
      message: expect.stringContaining(
        'no new claims to deallocate, preemption: not eligible due to a terminating pod on the nominated node.',
      ),
      nominatedNode: undefined,
    });
  });

  it('removes nobody where it may not', async () => {
    const world = full();
    world.putPod(testPod('p', { priority: 5, requests: { cpu: '1' }, spec: { preemptionPolicy: 'Never' } }));
    await world.work();
    expect([world.preempted, world.refusalOf('p')]).toEqual([
      [],
      '0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: not eligible due to preemptionPolicy=Never.',
    ]);
  });

  it('removes nobody where that does not help', async () => {
    const world = full();
    world.putNode(testNode('m', { unschedulable: true }));
    world.putPod(testPod('p', { priority: 5, requests: { cpu: '3' } }));
    await world.work();
    expect([world.preempted, world.refusalOf('p')]).toEqual([
      [],
      '0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable. no new claims to deallocate, preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.',
    ]);
  });
});
