import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DeleteOptions } from '../../../../src/api/types/gen/meta-v1.ts';
import { finalizersForDeletion } from '../../../../src/apiserver/handlers/dependents.ts';
import { MemoryApi } from '../../../harness/memory-api.ts';

type Case = [string, string[], DeleteOptions, 'delete' | 'orphan' | 'none', string[]];

describe('the finalizers of what is deleted', () => {
  it.each<Case>([
    ['stay as they are where nothing is said', ['test.io/f'], {}, 'delete', ['test.io/f']],
    ['say that dependents stay, for kinds with that habit', ['test.io/f'], {}, 'orphan', ['test.io/f', 'orphan']],
    ['follow the policy rather than the habit', [], { propagationPolicy: 'Background' }, 'orphan', []],
    ['follow the older field rather than the habit', [], { orphanDependents: false }, 'orphan', []],
    ['follow a finalizer rather than the habit', ['foregroundDeletion'], {}, 'orphan', ['foregroundDeletion']],
    [
      'follow the policy rather than a finalizer',
      ['orphan'],
      { propagationPolicy: 'Foreground' },
      'delete',
      ['foregroundDeletion'],
    ],
    [
      'lose the finalizer when dependents go in the background',
      ['orphan'],
      { propagationPolicy: 'Background' },
      'delete',
      [],
    ],
    [
      'say nothing of dependents where a kind has none',
      ['orphan', 'test.io/f'],
      { propagationPolicy: 'Orphan' },
      'none',
      ['test.io/f'],
    ],
  ])('%s', (_, present, options, dependents, expected) => {
    expect(finalizersForDeletion(present, options, dependents)).toEqual(expected);
  });
});

describe('the deletion of an owner', () => {
  let api: MemoryApi;
  beforeEach(async () => {
    api = await MemoryApi.start();
  });
  afterEach(() => api.stop());

  const template = (restartPolicy: string) => ({
    metadata: { labels: { app: 'x' } },
    spec: { restartPolicy, containers: [{ name: 'c', image: 'i:1' }] },
  });
  const controller = { spec: { replicas: 1, selector: { app: 'x' }, template: template('Always') } };
  const replicaSet = { spec: { selector: { matchLabels: { app: 'x' } }, template: template('Always') } };
  const job = { spec: { template: template('Never') } };
  const preserved =
    '299 - "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning"';

  it.each([
    ['of a replication controller keeps its pods', '/api/v1', 'replicationcontrollers', controller, ['orphan'], []],
    ['of a job keeps its pods, and says so', '/apis/batch/v1', 'jobs', job, ['orphan'], [preserved]],
    ['of a replica set lets its pods go', '/apis/apps/v1', 'replicasets', replicaSet, undefined, []],
  ])('%s where nothing is said', async (_, root, plural, body, finalizers, warnings) => {
    const url = `${root}/namespaces/a/${plural}`;
    const made = await api.ask('POST', url, { body: { metadata: { name: 'x' }, ...body } });
    expect(made.status).toBe(201);
    const answer = await api.ask('DELETE', `${url}/x`);
    expect([answer.json.metadata.finalizers, answer.warnings]).toEqual([finalizers, warnings]);
  });

  it('of a collection of jobs says once that their pods stay', async () => {
    const url = '/apis/batch/v1/namespaces/a/jobs';
    for (const name of ['x', 'y']) await api.ask('POST', url, { body: { metadata: { name }, ...job } });
    expect((await api.ask('DELETE', url)).warnings).toEqual([preserved]);
  });
});
