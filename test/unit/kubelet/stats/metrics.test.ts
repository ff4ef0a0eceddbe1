import { describe, expect, it } from 'vitest';
import { cadvisorMetrics } from '../../../../src/kubelet/stats/cadvisor-metrics.ts';
import { metricText } from '../../../../src/kubelet/stats/metric-text.ts';
import { podStats } from '../../../../src/kubelet/stats/pod-stats.ts';
import { resourceMetrics } from '../../../../src/kubelet/stats/resource-metrics.ts';
import type { Summary } from '../../../../src/kubelet/stats/summary.ts';
import { LinuxContainerResources } from '../../../../src/rpc/cri-api.ts';
import { criContainer, criPod } from './fixtures.ts';

const times = { sandboxCreatedAt: 1_690_000_000_000, containerCreatedAt: new Map([['c1', 1_690_000_001_500]]) };
const pod = podStats(criPod([criContainer('c1', 'main', 3, 64)]), times, () => undefined);
const SUMMARY: Summary = {
  node: {
    nodeName: 'n',
    startTime: 1_600_000_000_000,
    cpu: { time: 5000, usageCoreNanoSeconds: 1.5e9 },
    memory: { time: 5000, workingSetBytes: 77 },
    swap: { time: 5000, swapUsageBytes: 6 },
    systemContainers: [{ name: 'pods', startTime: 0, cpu: { time: 5000, usageCoreNanoSeconds: 1e9 } }],
  },
  pods: pod === undefined ? [] : [pod],
};

describe('the text of metrics', () => {
  it('has a head for each that has rows, and the times of values that have one', () => {
    const text = metricText([
      { name: 'none', help: 'x', type: 'gauge', samples: [] },
      {
        name: 'a_total',
        help: 'line\nwith \\',
        type: 'counter',
        samples: [
          { labels: {}, value: 1.5 },
          { labels: { b: 'say "x"\\\n', c: '' }, value: 1e21, at: 1234.4 },
        ],
      },
    ]);
    expect(text).toBe(
      '# HELP a_total line\\nwith \\\\\n# TYPE a_total counter\na_total 1.5\na_total{b="say \\"x\\"\\\\\\n",c=""} 1e+21 1234\n',
    );
  });

  it('of nothing is empty', () => {
    expect(metricText([])).toBe('');
  });
});

describe('/metrics/resource', () => {
  it("has upstream's rows", () => {
    const at = 1_700_000_000_500;
    const container = '{container="main",namespace="default",pod="web"}';
    const rows = metricText(resourceMetrics(SUMMARY))
      .split('\n')
      .filter(line => !line.startsWith('#') && line !== '');
    expect(rows).toEqual([
      `container_cpu_usage_seconds_total${container} 3 ${at}`,
      `container_memory_working_set_bytes${container} 67108864 ${at}`,
      `container_swap_usage_bytes${container} 4096 ${at}`,
      `container_start_time_seconds${container} 1690000001.5`,
      `container_swap_limit_bytes${container} 12288 ${at}`,
      'node_cpu_usage_seconds_total 1.5 5000',
      'node_memory_working_set_bytes 77 5000',
      'node_swap_usage_bytes 6 5000',
      `pod_cpu_usage_seconds_total{namespace="default",pod="web"} 9 ${at}`,
      `pod_memory_working_set_bytes{namespace="default",pod="web"} 104857600 ${at}`,
      `pod_swap_usage_bytes{namespace="default",pod="web"} 4096 ${at}`,
      'resource_scrape_error 0',
      'scrape_error 0',
    ]);
  });

  it('says that stats could not be read', () => {
    const families = resourceMetrics(undefined).filter(each => each.samples.length > 0);
    expect(families.map(({ name, samples }) => [name, samples[0]?.value])).toEqual([
      ['resource_scrape_error', 1],
      ['scrape_error', 1],
    ]);
  });
});

describe('/metrics/cadvisor', () => {
  const machine = {
    labels: { boot_id: 'b', machine_id: 'm', system_uuid: 's' },
    cores: 2,
    memoryBytes: 100,
    swapBytes: 0,
    podsGroup: '/kubepods',
  };
  const resources = LinuxContainerResources.fromPartial({ cpuShares: 512n, memoryLimitInBytes: 1024n });
  const facts = new Map([
    [
      'uid-web',
      {
        sandboxId: 'sandbox',
        cgroup: '/kubepods/poduid-web',
        containers: new Map([['main', { id: 'c1', image: 'busybox', resources }]]),
      },
    ],
  ]);
  const rowsOf = (summary: Summary | undefined, name: string): string[] =>
    metricText(cadvisorMetrics(summary, facts, machine))
      .split('\n')
      .filter(line => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  const container =
    'container="main",id="/kubepods/poduid-web/c1",image="busybox",name="c1",namespace="default",pod="web"';
  const sandbox = (link: string): string =>
    `{interface="${link}",container="",image="",name="sandbox",namespace="default",pod="web",id="/kubepods/poduid-web/sandbox"}`;

  it.each([
    [
      'container_cpu_usage_seconds_total',
      [
        'container_cpu_usage_seconds_total{cpu="total",container="",image="",name="",namespace="",pod="",id="/"} 1.5 5000',
        'container_cpu_usage_seconds_total{cpu="total",container="",image="",name="",namespace="",pod="",id="/kubepods"} 1 5000',
        'container_cpu_usage_seconds_total{cpu="total",container="",image="",name="",namespace="default",pod="web",id="/kubepods/poduid-web"} 9 1700000000500',
        `container_cpu_usage_seconds_total{cpu="total",${container}} 3 1700000000500`,
      ],
    ],
    [
      'container_network_receive_bytes_total',
      [
        `container_network_receive_bytes_total${sandbox('eth0')} 10 1700000000500`,
        `container_network_receive_bytes_total${sandbox('net1')} 1 1700000000500`,
      ],
    ],
    ['container_fs_usage_bytes', [`container_fs_usage_bytes{device="",${container}} 1048576 1700000000500`]],
    ['container_spec_memory_limit_bytes', [`container_spec_memory_limit_bytes{${container}} 1024`]],
    ['container_spec_cpu_shares', [`container_spec_cpu_shares{${container}} 512`]],
    ['container_spec_cpu_quota', []],
    [
      'container_pressure_memory_waiting_seconds_total',
      [`container_pressure_memory_waiting_seconds_total{${container}} 2 1700000000500`],
    ],
    ['machine_cpu_cores', ['machine_cpu_cores{boot_id="b",machine_id="m",system_uuid="s"} 2']],
    ['container_scrape_error', ['container_scrape_error 0']],
  ])('has the rows of %s', (name, expected) => {
    expect(rowsOf(SUMMARY, name)).toEqual(expected);
  });

  it('says that stats could not be read, and what the machine is', () => {
    expect([rowsOf(undefined, 'container_scrape_error'), rowsOf(undefined, 'machine_memory_bytes').length]).toEqual([
      ['container_scrape_error 1'],
      1,
    ]);
  });

  it('names the slices and scopes of systemd', () => {
    const cgroup = '/kubepods.slice/kubepods-poduid_web.slice';
    const scopes = new Map([['c1', 'gantry-c1.scope']]);
    const inSlices = new Map([...facts].map(([uid, each]) => [uid, { ...each, cgroup, scopes }] as const));
    const text = metricText(cadvisorMetrics(SUMMARY, inSlices, { ...machine, podsGroup: '/kubepods.slice' }));
    expect(text).toContain(`id="${cgroup}/gantry-c1.scope"`);
    expect(text).toContain('id="/kubepods.slice"');
    expect(text).not.toContain('id="/kubepods"');
  });

  it('has rows of a pod whose specification is not known any more', () => {
    const text = metricText(cadvisorMetrics(SUMMARY, new Map(), machine));
    expect(text).toMatch(/^container_memory_working_set_bytes\{container="main",.*pod="web"\} 67108864 \d+$/m);
    expect(text).not.toContain('container_spec_');
  });
});
