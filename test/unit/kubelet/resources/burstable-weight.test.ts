import { expect, it } from 'vitest';
import type { DesiredPod } from '../../../../src/kubelet/desired/desired-pod.ts';
import { BurstableWeight } from '../../../../src/kubelet/resources/burstable-weight.ts';
import { podWith } from '../pods.ts';

const burstable = (cpu: string, name: string): DesiredPod =>
  podWith(`containers: [{name: c, image: i, resources: {requests: {cpu: ${cpu}}}}]`, name);
const guaranteed = podWith(
  'containers: [{name: c, image: i, resources: {limits: {cpu: 4, memory: 1Gi}, requests: {cpu: 4, memory: 1Gi}}}]',
);

/** What the group of burstable pods was given for these pods one after another, and what the log had; the first `failing` times it cannot be changed. */
async function weighed(sets: readonly (readonly DesiredPod[])[], failing = 0) {
  const given: unknown[] = [];
  const said: unknown[] = [];
  let failures = failing;
  const weight = new BurstableWeight(
    {
      settings: { cgroups: { root: '/' } } as never,
      cgroups: {
        async update(group, { cpuShares }) {
          given.push(`${group} ${cpuShares}`);
          failures -= 1;
          if (failures >= 0) throw new Error('no such group');
        },
      },
      log: { warn: (fields: unknown) => said.push(fields) } as never,
    },
    new AbortController().signal,
  );
  for (const pods of sets) {
    weight.weigh(pods);
    await new Promise(setImmediate);
  }
  return { given, said };
}

it('weighs the group by its pods whenever these are others, and by no pod of another class', async () => {
  const one = burstable('1', 'one');
  const two = burstable('500m', 'two');
  const { given, said } = await weighed([[], [guaranteed], [one], [one, guaranteed], [one, two], [two], []]);
  expect(given).toEqual([
    '/kubepods/burstable 1024',
    '/kubepods/burstable 1536',
    '/kubepods/burstable 512',
    '/kubepods/burstable 2',
  ]);
  expect(said).toEqual([]);
});

it('weighs it again by the same pods where it could not be changed, which the log tells', async () => {
  const one = burstable('1', 'one');
  const { given, said } = await weighed([[one], [one], [one]], 1);
  expect(given).toEqual(['/kubepods/burstable 1024', '/kubepods/burstable 1024']);
  expect(said).toEqual([{ because: 'no such group' }]);
});
