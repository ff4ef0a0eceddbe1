import { expect, it } from 'vitest';
import type { PodDisruptionBudget } from '../../../src/api/types/gen/policy-v1.ts';
import { type Answered, refusal } from '../../harness/api-client.ts';
import type { ResourceClient } from '../../harness/resource-client.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { describeApi, uniqueName } from './cluster.ts';

type Budgets = ResourceClient<PodDisruptionBudget>;

describeApi(
  'PodDisruptionBudgets and their controller',
  cluster => {
    it('[sig-apps] DisruptionController should create a PodDisruptionBudget [Conformance]', async () => {
      const budgets = cluster().of('PodDisruptionBudget', await cluster().namespace());
      const spec = { selector: { matchLabels: { foo: 'bar' } }, minAvailable: '1%' };
      const created = await budgets.create({ metadata: { name: 'foo', labels: { foo: 'bar' } }, spec });
      expect(created.spec).toEqual(spec);
      const seen = await processed(budgets, 'foo');
      // Nothing else writes to a budget that its controller has seen as it is: the version read is still the newest.
      const updated = await budgets.update({ ...seen, spec: { ...spec, minAvailable: '2%' } });
      expect(updated.spec?.minAvailable).toBe('2%');
      await processed(budgets, 'foo');
      const patched = await budgets.patch('foo', 'merge-patch', { spec: { minAvailable: '3%' } });
      expect(patched.spec?.minAvailable).toBe('3%');
      expect(patched.metadata.generation).toBe(3);
      const last = await processed(budgets, 'foo');
      const versions = [created, seen, updated, patched, last].map(({ metadata }) => Number(metadata.resourceVersion));
      expect(versions).toEqual([...new Set(versions)].toSorted((a, b) => a - b));
      await budgets.delete('foo');
      expect(await refusal(budgets.get('foo'))).toMatchObject({ code: 404, reason: 'NotFound' });
    });

    it('[sig-apps] DisruptionController Listing PodDisruptionBudgets for all namespaces should list and delete a collection of PodDisruptionBudgets [Conformance]', async () => {
      const budgets = cluster().of('PodDisruptionBudget', await cluster().namespace());
      const others = cluster().of('PodDisruptionBudget', await cluster().namespace());
      const everywhere = cluster().of('PodDisruptionBudget');
      const labels = { budget: uniqueName('special') };
      const labelSelector = `budget=${labels.budget}`;
      const create = async (of: Budgets, name: string, minAvailable: string | number): Promise<void> => {
        const selector = { matchLabels: { foo: 'bar' } };
        await of.create({ metadata: { name, labels }, spec: { selector, minAvailable } });
        await processed(of, name);
      };
      await create(budgets, 'foo', 2);
      await create(budgets, 'foo2', '1%');
      await create(others, 'foo3', 2);
      expect(await everywhere.names({ labelSelector })).toEqual(['foo', 'foo2', 'foo3']);
      expect(await budgets.names({ labelSelector })).toEqual(['foo', 'foo2']);
      await budgets.deleteCollection();
      expect(await everywhere.names({ labelSelector })).toEqual(['foo3']);
    });
  },
  [],
  ['disruption-controller'],
);

/** The budget once the disruption controller has seen its newest generation. */
function processed(budgets: Budgets, name: string): Promise<Answered<PodDisruptionBudget>> {
  return waitFor(`the disruption controller to see ${name}`, async saw => {
    const budget = await budgets.get(name);
    saw(budget);
    return (budget.status?.observedGeneration ?? 0) >= (budget.metadata.generation ?? 0) && budget;
  });
}
