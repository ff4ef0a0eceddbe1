import { expect, it } from 'vitest';
import type { PodTemplate } from '../../../src/api/types/gen/core-v1.ts';
import { type ListOf, refusal } from '../../harness/api-client.ts';
import type { ResourceClient } from '../../harness/resource-client.ts';
import { describeApi } from './cluster.ts';

const TOTAL = 400;

const nameOf = (n: number): string => `template-${String(n).padStart(4, '0')}`;

const allNames = Array.from({ length: TOTAL }, (_, n) => nameOf(n));

async function createTemplates(templates: ResourceClient<PodTemplate>): Promise<void> {
  await Promise.all(
    allNames.map(name =>
      templates.create({ metadata: { name }, template: { spec: { containers: [{ name: 'test', image: 'test2' }] } } }),
    ),
  );
}

/** The pages from a first one on, to the last. */
async function restOf(
  templates: ResourceClient<PodTemplate>,
  first: ListOf<PodTemplate>,
  limit: number,
): Promise<ListOf<PodTemplate>[]> {
  const pages = [first];
  for (let next = first.metadata.continue ?? ''; next !== ''; next = pages.at(-1)?.metadata.continue ?? '')
    pages.push(await templates.list({ limit, continue: next }));
  return pages;
}

/** All names in order, no page larger than asked for, and each page but the last says how many are left. */
function expectPages(pages: readonly ListOf<PodTemplate>[], limit: number, from: number): void {
  const names = pages.map(({ items }) => items.map(({ metadata }) => metadata.name));
  expect(names.flat()).toEqual(allNames.slice(from));
  expect(names.slice(0, -1).every(page => page.length === limit)).toBe(true);
  expect(names.at(-1)?.length).toBeLessThanOrEqual(limit);
  const left = pages.map(({ metadata }) => metadata.remainingItemCount);
  const expected = pages.map((_, i) => TOTAL - from - limit * (i + 1)).map(n => (n > 0 ? n : undefined));
  expect(left).toEqual(expected);
  expect(new Set(pages.map(({ metadata }) => metadata.resourceVersion)).size).toBe(1);
}

describeApi('lists in chunks', cluster => {
  it('[sig-api-machinery] Servers with support for API chunking should return chunks of results for list calls [Conformance]', async () => {
    const templates = cluster().of('PodTemplate', await cluster().namespace());
    await createTemplates(templates);
    const limit = 17;
    const first = await templates.list({ limit });
    // what comes in between is not in the list that was begun
    await templates.create({
      metadata: { name: 'template-later' },
      template: { spec: { containers: [{ name: 'test', image: 'test2' }] } },
    });
    expectPages(await restOf(templates, first, limit), limit, 0);
    const all = await templates.list({ limit: TOTAL + 2 });
    expect(all.items).toHaveLength(TOTAL + 1);
    expect(all.metadata.continue ?? '').toBe('');
  });

  it('[sig-api-machinery] Servers with support for API chunking should support continue listing from the last key if the original version has been compacted away, though the list is inconsistent [Conformance] [Slow]', async () => {
    const templates = cluster().of('PodTemplate', await cluster().namespace());
    await createTemplates(templates);
    const limit = TOTAL / 10;
    const first = await templates.list({ limit });
    expect(first.metadata.remainingItemCount).toBe(TOTAL - limit);
    // a compaction as the server makes it every five minutes
    const { metadata } = await cluster()
      .of('Namespace')
      .create({ metadata: { name: 'written-after-the-first-page' } });
    const etcd = cluster().server.etcd.client();
    await etcd.compact(Number(metadata.resourceVersion));
    etcd.close();
    const expired = await refusal(templates.list({ limit, continue: first.metadata.continue ?? '' }));
    expect(expired).toMatchObject({ code: 410, reason: 'Expired' });
    const next = await templates.list({ limit, continue: expired.metadata.continue ?? '' });
    expect(next.metadata.resourceVersion).not.toBe(first.metadata.resourceVersion);
    expectPages(await restOf(templates, next, limit), limit, limit);
  });
});
