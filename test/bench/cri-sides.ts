import { type CriPod, podConfig, removeCriPod, startContainerIn } from '../harness/cri-pod.ts';
import { containerdHost, gantryHost, type RuntimeHost } from '../harness/runtime-host.ts';
import { quantile } from './statistics.ts';

/** One of the runtimes that take their turns. The peers are one daemon: containerd, asked for its handlers of runc and of crun. */
export interface Side {
  readonly name: string;
  readonly target: RuntimeHost;
  readonly handler: string;
  /** The processes of the runtime: the daemon, and what it keeps for each container. */
  readonly daemon: RegExp;
  readonly monitors: RegExp;
}

/** Ours first; every round goes through them in this order. */
export interface Sides {
  readonly all: readonly [ours: Side, ...peers: Side[]];
  delete(): Promise<void>;
}

/** Ours with the runtime that it chooses (crun), or with GANTRY_BENCH_RUNTIME; without pause processes where GANTRY_BENCH_DROP_INFRA is 1. */
export async function openSides(): Promise<Sides> {
  const runtime = process.env['GANTRY_BENCH_RUNTIME'] ?? 'crun';
  const dropInfra = process.env['GANTRY_BENCH_DROP_INFRA'] === '1';
  const gantry = await gantryHost({ criConfig: `runtime: ${runtime}\ndropInfra: ${dropInfra}\n` });
  try {
    const containerd = await containerdHost();
    const peer = (handler: string): Side => ({
      name: `containerd, ${handler}`,
      target: containerd,
      handler,
      daemon: /^containerd( |$)/,
      monitors: /^\S*containerd-shim/,
    });
    const ours: Side = {
      name: `gantry, ${runtime}${dropInfra ? ', dropInfra' : ''}`,
      target: gantry,
      handler: '',
      daemon: /gantry\.mjs run cri/,
      monitors: /^\S*conmon /,
    };
    return {
      all: [ours, peer('runc'), peer('crun')],
      delete: async () => {
        await gantry.delete();
        await containerd.delete();
      },
    };
  } catch (error) {
    await gantry.delete();
    throw error;
  }
}

/** Milliseconds by operation. */
export class Samples {
  readonly #times = new Map<string, number[]>();

  add(operation: string, milliseconds: number): void {
    const times = this.#times.get(operation) ?? [];
    times.push(milliseconds);
    this.#times.set(operation, times);
  }

  async time<T>(operation: string, call: () => Promise<T>): Promise<T> {
    const begun = performance.now();
    const result = await call();
    this.add(operation, performance.now() - begun);
    return result;
  }

  at(operation: string, share: number): number {
    return quantile(this.#times.get(operation) ?? [], share);
  }

  /** How many of the operation that was taken most seldom; for the table's title. */
  get least(): number {
    return Math.min(...[...this.#times.values()].map(times => times.length));
  }
}

export interface PeerRow {
  readonly what: string;
  readonly unit: 'ms' | 'MB' | 'us';
  /** In the order of the sides. */
  readonly values: readonly number[];
  readonly goal?: number;
}

/** A markdown table of ratios beside several peers: the ratio and whether the goal is met for each. It judges nothing. */
export function peerTable(title: string, sides: Sides, rows: readonly PeerRow[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const figure = (value: number, unit: string): string =>
    `${value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)} ${unit}`;
  const [, ...peers] = sides.all;
  return [
    `### ${title}`,
    '',
    line(['what', sides.all[0].name, ...peers.flatMap(peer => [peer.name, 'ratio']), 'goal']),
    line(['---', '--:', ...peers.flatMap(() => ['--:', '--:']), '---']),
    ...rows.map(({ what, unit, values, goal }) => {
      const [own = Number.NaN, ...others] = values;
      const ratios = others.map(other => own / other);
      const verdict = goal === undefined ? '' : `${goal}x ${ratios.every(ratio => ratio <= goal) ? 'met' : 'missed'}`;
      const cells = others.flatMap((other, i) => [figure(other, unit), `${ratios[i]?.toFixed(2)}x`]);
      return line([what, figure(own, unit), ...cells, verdict]);
    }),
    '',
  ].join('\n');
}

/** Rows of an operation: its p50, with the goal, and its p99. */
export function operationRows(operation: string, samples: readonly Samples[], goal?: number): PeerRow[] {
  const at = (share: number): number[] => samples.map(each => each.at(operation, share));
  return [
    { what: `${operation}, p50`, unit: 'ms', values: at(0.5), ...(goal === undefined ? {} : { goal }) },
    { what: `${operation}, p99`, unit: 'ms', values: at(0.99) },
  ];
}

/** Runs `work` over the items, `width` at once. */
export async function atOnce<T>(items: readonly T[], width: number, work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  const worker = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

export interface IdlePod {
  readonly sandboxId: string;
  readonly containerIds: readonly string[];
}

/** A pod with so many sleeping containers. */
export async function runPod({ target: { client }, handler }: Side, name: string, count: number): Promise<IdlePod> {
  const config = podConfig(name);
  const { podSandboxId: sandboxId } = await client.runPodSandbox({ config, runtimeHandler: handler });
  const containerIds: string[] = [];
  for (let number = 0; number < count; number += 1)
    containerIds.push(await startContainerIn(client, sandboxId, config, `c${number}`));
  return { sandboxId, containerIds };
}

export async function removePod({ target: { client } }: Side, { sandboxId }: Pick<CriPod, 'sandboxId'>): Promise<void> {
  await removeCriPod(client, { sandboxId });
}
