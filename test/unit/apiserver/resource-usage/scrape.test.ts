import { describe, expect, it } from 'vitest';
import { parseScrape, type Reading, type Scrape } from '../../../../src/apiserver/resource-usage/scrape.ts';
import { usageBetween } from '../../../../src/apiserver/resource-usage/usage.ts';

const TEXT = `# HELP container_cpu_usage_seconds_total Cumulative cpu time consumed by the container in core-seconds
# TYPE container_cpu_usage_seconds_total counter
container_cpu_usage_seconds_total{container="main",namespace="a",pod="web"} 3.5 1700000000500
container_cpu_usage_seconds_total{container="side",namespace="a",pod="web"} 1 1700000000600
container_cpu_usage_seconds_total{pod="db",namespace="b",container="odd \\"name\\", {x}"} 2e+03 1700000000500
container_memory_working_set_bytes{container="main",namespace="a",pod="web"} 6.7108864e+07 1700000000500
container_memory_working_set_bytes{pod="db",namespace="b",container="odd \\"name\\", {x}"} 5 1700000000500
container_start_time_seconds{container="main",namespace="a",pod="web"} 1.6900000015e+09
container_swap_usage_bytes{container="main",namespace="a",pod="web"} 9 1700000000500
node_cpu_usage_seconds_total 100.25 1700000000700
node_memory_working_set_bytes 1e+09 1700000000700
pod_cpu_usage_seconds_total{namespace="a",pod="web"} 3.5 1700000000500
resource_scrape_error 0
`;

const reading = (at: number, cpuSeconds: number, more: Partial<Reading> = {}): Reading => ({
  at,
  cpuSeconds,
  memoryBytes: 10,
  startedAt: undefined,
  ...more,
});

describe('what a kubelet tells', () => {
  it('is read by node and container; a container without memory is left out', () => {
    const { node, pods } = parseScrape(TEXT, 0);
    expect(node).toEqual(reading(1_700_000_000_700, 100.25, { memoryBytes: 1e9 }));
    expect([...pods].map(([pod, containers]) => [pod, [...containers]])).toEqual([
      ['a/web', [['main', reading(1_700_000_000_500, 3.5, { memoryBytes: 64 << 20, startedAt: 1_690_000_001_500 })]]],
      ['b/db', [['odd "name", {x}', reading(1_700_000_000_500, 2000, { memoryBytes: 5 })]]],
    ]);
  });

  it('is of now where it has no time', () => {
    const { node } = parseScrape('node_cpu_usage_seconds_total 1\nnode_memory_working_set_bytes 2\n', 42);
    expect(node?.at).toBe(42);
  });

  it.each([
    ['nothing', ''],
    ['another page', '<html>\n<body>no</body>\n'],
    ['rows that are cut off', 'container_cpu_usage_seconds_total{container="a\nnode_cpu_usage_seconds_total\nnode_'],
    ['values that are no numbers', 'node_cpu_usage_seconds_total NaN 1\nnode_memory_working_set_bytes x\n'],
    ['rows of nobody', 'container_cpu_usage_seconds_total{pod="",namespace="a",container="b"} 1 1\n'],
    ['labels that hide names', 'container_cpu_usage_seconds_total{__proto__="a",constructor="b"} 1 1\n'],
  ])('may be %s', (_sentence, text) => {
    expect(parseScrape(text, 0)).toEqual({ node: undefined, pods: new Map() });
  });
});

describe('the usage between two scrapes', () => {
  const scrape = (containers: Record<string, Reading>, node?: Reading): Scrape => ({
    node,
    pods: new Map([['a/web', new Map(Object.entries(containers))]]),
  });
  const SPAN = { memoryBytes: 10, at: 12_000, windowMs: 2000 };

  it.each([
    ['half a core', reading(10_000, 1), reading(12_000, 2), { ...SPAN, nanoCores: 500_000_000 }],
    ['nothing', reading(10_000, 1), reading(12_000, 1), { ...SPAN, nanoCores: 0 }],
    [
      'that of one that was started between',
      undefined,
      reading(12_000, 0.75, { startedAt: 11_000 }),
      { ...SPAN, windowMs: 1000, nanoCores: 750_000_000 },
    ],
    [
      'that of one that was started again between, with a counter that began anew',
      reading(10_000, 100, { startedAt: 5000 }),
      reading(12_000, 0.75, { startedAt: 11_000 }),
      { ...SPAN, windowMs: 1000, nanoCores: 750_000_000 },
    ],
    ['not known of one that was started just now', undefined, reading(12_000, 0.1, { startedAt: 11_900 }), undefined],
    ['not known of one of which no start is told', undefined, reading(12_000, 1), undefined],
    ['not known where the counter went back', reading(10_000, 5), reading(12_000, 1), undefined],
    ['not known between two readings of one time', reading(12_000, 1), reading(12_000, 1), undefined],
  ])('is %s', (_sentence, before, after, expected) => {
    const { node, pods } = usageBetween(
      scrape(before === undefined ? {} : { main: before }, before),
      scrape({ main: after }, after),
    );
    expect([node, pods.get('a/web')?.get('main')]).toEqual([expected, expected]);
  });

  it('is that of whole pods: one container that is not known leaves its pod out', () => {
    const { pods } = usageBetween(
      scrape({ main: reading(10_000, 1) }),
      scrape({ main: reading(12_000, 2), side: reading(12_000, 2) }),
    );
    expect(pods.size).toBe(0);
  });
});
