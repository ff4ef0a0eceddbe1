import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseScrape } from '../../../../src/apiserver/resource-usage/scrape.ts';
import { metricText } from '../../../../src/kubelet/stats/metric-text.ts';
import { resourceMetrics } from '../../../../src/kubelet/stats/resource-metrics.ts';
import type { Summary } from '../../../../src/kubelet/stats/summary.ts';

const SEED = { seed: 20261129, numRuns: 200 };
const time = fc.integer({ min: 1_600_000_000_000, max: 1_900_000_000_000 });
const name = fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme' });
const figures = fc.record({
  startTime: time,
  cpu: fc.record({ time, usageCoreNanoSeconds: fc.nat({ max: Number.MAX_SAFE_INTEGER }) }),
  memory: fc.record({ time, workingSetBytes: fc.nat({ max: Number.MAX_SAFE_INTEGER }) }),
});
const summaries: fc.Arbitrary<Summary> = fc.record({
  node: figures.map(each => ({ ...each, nodeName: 'n', systemContainers: [] })),
  pods: fc.uniqueArray(
    fc
      .record({
        // names of the API hold no slash; whatever else a runtime tells has to come through
        podRef: fc.record({
          name: name.map(text => text.replaceAll('/', '')).filter(text => text !== ''),
          namespace: name.map(text => text.replaceAll('/', '')).filter(text => text !== ''),
          uid: fc.uuid(),
        }),
        containers: fc.uniqueArray(
          fc.tuple(name, figures).map(([each, rest]) => ({ ...rest, name: each })),
          {
            selector: each => each.name,
            minLength: 1,
            maxLength: 4,
          },
        ),
      })
      .map(pod => ({ ...pod, startTime: 1 })),
    { selector: pod => `${pod.podRef.namespace}/${pod.podRef.name}`, maxLength: 5 },
  ),
});

/** What rows are made of, to come nearer to them than chance does. */
const PIECES = [
  'container_cpu_usage_seconds_total',
  'container_memory_working_set_bytes',
  'node_cpu_usage_seconds_total',
  '{container="a",namespace="b",pod="c"}',
  '{',
  '}',
  '"',
  '\\',
  ',',
  '=',
  ' ',
  '\n',
  '1',
  ' 1e3',
  ' NaN',
  ' 1700000000000\n',
];

describe('what a kubelet writes', () => {
  it('is read by the API server as it was, whatever the names are', () => {
    fc.assert(
      fc.property(summaries, summary => {
        const { node, pods } = parseScrape(metricText(resourceMetrics(summary)), 0);
        const { cpu, memory } = summary.node;
        expect(node).toMatchObject({
          at: cpu?.time,
          cpuSeconds: (cpu?.usageCoreNanoSeconds ?? 0) / 1e9,
          memoryBytes: memory?.workingSetBytes,
        });
        expect([...pods.keys()]).toEqual(summary.pods.map(({ podRef }) => `${podRef.namespace}/${podRef.name}`));
        for (const pod of summary.pods) {
          const read = pods.get(`${pod.podRef.namespace}/${pod.podRef.name}`);
          expect([...(read ?? [])]).toEqual(
            pod.containers.map(each => [
              each.name,
              {
                at: each.cpu?.time,
                cpuSeconds: (each.cpu?.usageCoreNanoSeconds ?? 0) / 1e9,
                memoryBytes: each.memory?.workingSetBytes,
                startedAt: expect.closeTo(each.startTime, 0),
              },
            ]),
          );
        }
      }),
      SEED,
    );
  });

  it('may be anything at all: what is no row of it is passed over', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.string(), fc.constantFrom(...PIECES)), { maxLength: 30 }), pieces => {
        const { pods } = parseScrape(pieces.join(''), 7);
        for (const containers of pods.values())
          for (const reading of containers.values()) expect(Number.isFinite(reading.cpuSeconds)).toBe(true);
      }),
      SEED,
    );
  });
});
