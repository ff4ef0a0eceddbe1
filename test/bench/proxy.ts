import { loadavg } from 'node:os';
import { performance } from 'node:perf_hooks';
import { pino } from 'pino';
import { runCommand } from '../../src/linux/command.ts';
import { FamilyTable } from '../../src/proxy/act/family-table.ts';
import { openNft } from '../../src/proxy/act/nft.ts';
import { type CompiledService, compileService } from '../../src/proxy/compile/compiled-service.ts';
import { type LayoutSettings, tableOf } from '../../src/proxy/compile/layout.ts';
import { serviceElements } from '../../src/proxy/compile/port-elements.ts';
import { PrivateNetns } from '../harness/private-netns.ts';
import { sampleService, sampleSlice } from '../harness/proxy-world.ts';
import { quantile, type Row, table } from './statistics.ts';

const ROUNDS = Number(process.env['GANTRY_BENCH_ROUNDS'] ?? 3) * 10;
const LAYOUT: LayoutSettings = {
  family: 4,
  masqueradeBit: 14,
  masqueradeAll: false,
  fromLocalPod: 'ip saddr 10.244.0.0/16',
  notFromLocalPod: 'ip saddr != 10.244.0.0/16',
  nodePortsEverywhere: false,
};
const CONTEXT = { family: 4, node: { name: 'a', zone: '' }, nodeIps: [] } as const;

const vip = (i: number): string => `10.96.${i >> 8}.${i & 255}`;
const endpoint = (i: number, j: number): string => `10.${128 + j}.${i >> 8}.${i & 255}`;

async function timed(run: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await run();
  return performance.now() - startedAt;
}

/** Ours: services of two endpoints each, by the proxy's own table. */
async function gantry(count: number): Promise<{ all: number[]; change: number[] }> {
  const nft = openNft([tableOf(4)], () => {});
  const rules = new FamilyTable(LAYOUT, nft, pino({ level: 'silent' }));
  const compiled = new Map<number, CompiledService>();
  const set = (i: number, endpoints: number): void => {
    const service = sampleService(`s${i}`, { clusterIPs: [vip(i)], ports: [{ port: 80, protocol: 'TCP' }] });
    const ips = Array.from({ length: endpoints }, (_, j) => ({ ip: endpoint(i, j) }));
    const after = compileService(service, [sampleSlice(`s${i}`, ips)], CONTEXT, compiled.get(i));
    compiled.set(i, after);
    rules.update(`default/s${i}`, serviceElements(after, []));
  };
  const all: number[] = [];
  for (let round = 0; round < ROUNDS / 5; round += 1) {
    await runCommand('nft', ['flush', 'ruleset']);
    rules.distrust();
    all.push(
      await timed(async () => {
        for (let i = 0; i < count; i += 1) set(i, 2);
        await rules.apply();
      }),
    );
  }
  // the chain for three is there after the first
  set(0, 3);
  await rules.apply();
  const change: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1)
    change.push(
      await timed(async () => {
        set(round % count, round % 2 === 0 ? 2 : 3);
        await rules.apply();
      }),
    );
  nft.close();
  return { all, change };
}

/** The peer: a chain and a map of its own per service, as upstream's nftables mode lays rules out, written by nft. */
async function perService(count: number): Promise<{ all: number[]; change: number[] }> {
  const rule = (i: number, endpoints: number): string => {
    const map = Array.from({ length: endpoints }, (_, j) => `${j} : ${endpoint(i, j)} . 8080`).join(', ');
    return `add rule ip peer service-${i} meta l4proto tcp dnat ip addr . port to numgen random mod ${endpoints} map { ${map} }`;
  };
  const run = async (lines: readonly string[]): Promise<void> => {
    const { code, stderr } = await runCommand('nft', ['-f', '-'], { input: `${lines.join('\n')}\n` });
    if (code !== 0) throw new Error(stderr.toString());
  };
  const all: number[] = [];
  for (let round = 0; round < ROUNDS / 5; round += 1) {
    await runCommand('nft', ['flush', 'ruleset']);
    const lines = [
      'add table ip peer',
      'add map ip peer services { type ipv4_addr . inet_proto . inet_service : verdict; }',
      'add chain ip peer out { type nat hook output priority -100; }',
      'add rule ip peer out ip daddr . meta l4proto . th dport vmap @services',
    ];
    for (let i = 0; i < count; i += 1)
      lines.push(
        `add chain ip peer service-${i}`,
        rule(i, 2),
        `add element ip peer services { ${vip(i)} . tcp . 80 : goto service-${i} }`,
      );
    all.push(await timed(() => run(lines)));
  }
  const change: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const i = round % count;
    const lines = [`flush chain ip peer service-${i}`, rule(i, round % 2 === 0 ? 3 : 2)];
    change.push(await timed(() => run(lines)));
  }
  await runCommand('nft', ['flush', 'ruleset']);
  return { all, change };
}

const netns = PrivateNetns.enter();
try {
  const rows: Row[] = [];
  for (const count of [1, 100, 1000]) {
    const ours = await gantry(count);
    const peer = await perService(count);
    const row = (what: string, a: readonly number[], b: readonly number[]): Row => ({
      what: `${count} services: ${what}, p50`,
      unit: 'ms',
      gantry: quantile(a, 0.5),
      peer: quantile(b, 0.5),
    });
    rows.push(row('everything', ours.all, peer.all), row('an endpoint more or less', ours.change, peer.change));
  }
  console.log(table('The service proxy: transactions, two endpoints a service', 'a chain per service', rows));
  console.log(`load average ${loadavg()[0]?.toFixed(0)}\n`);
} finally {
  netns.leave();
}
