import { rmSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { listLinks } from '../../src/linux/netlink/links.ts';
import { NetlinkSocket } from '../../src/linux/netlink/socket.ts';
import { createNetns, removeNetns } from '../../src/linux/netns.ts';
import { attachmentOf, type CniNetwork, openCniNetwork } from '../harness/cni-network.ts';
import { PrivateNetns } from '../harness/private-netns.ts';
import { runDirectory } from '../harness/run-id.ts';
import { waitFor } from '../harness/wait-for.ts';

/** Milliseconds of each operation, in the order they ran. */
export interface CniSamples {
  readonly add: readonly number[];
  readonly del: readonly number[];
}

export interface CniBench {
  /** gantry-bridge in this process, by the runner that the shim uses. */
  readonly gantry: CniSamples;
  /** Debian's bridge with host-local and ipMasq, executed by the same runner. */
  readonly reference: CniSamples;
}

/**
 * Measures ADD and DEL (what the caller waits for) of both sides turn by turn, so that a busy machine weighs on both alike. Needs root and Debian's
 * containernetworking-plugins; happens in a network namespace of its own, in which this thread is meanwhile.
 */
export async function benchCni(rounds: number): Promise<CniBench> {
  const machine = PrivateNetns.enter();
  const links = NetlinkSocket.open();
  const ranges = (subnet: string): object[][] => [[{ subnet }]];
  const gantry = openCniNetwork([
    { type: 'gantry-bridge', bridge: 'gantry0', ipam: { ranges: ranges('10.88.0.0/16') } },
  ]);
  const dataDir = runDirectory('host-local');
  const ipam = { type: 'host-local', dataDir, ranges: ranges('10.89.0.0/16') };
  const bridge = { type: 'bridge', bridge: 'cni0', isDefaultGateway: true, hairpinMode: true, ipMasq: true, ipam };
  const reference = openCniNetwork([bridge], '1.0.0');
  const samples = {
    gantry: { add: [] as number[], del: [] as number[] },
    reference: { add: [] as number[], del: [] as number[] },
  };
  const round = async (
    { network }: CniNetwork,
    into: { add: number[]; del: number[] },
    name: string,
  ): Promise<void> => {
    const path = machine.path(name);
    createNetns(path);
    const attachment = attachmentOf(path);
    into.add.push(await timed(() => network.add(attachment)));
    into.del.push(await timed(() => network.remove(attachment)));
    removeNetns(path);
    // The kernel takes links away in the background; the next round must not pay for this one.
    await waitFor('the links to be gone', () => listLinks(links).every(({ kind }) => kind !== 'veth'));
  };
  try {
    // One round of each unmeasured: bridges, rules and caches.
    await round(gantry, { add: [], del: [] }, 'warm-gantry');
    await round(reference, { add: [], del: [] }, 'warm-reference');
    for (let index = 0; index < rounds; index++) {
      await round(gantry, samples.gantry, `gantry-${index}`);
      await round(reference, samples.reference, `reference-${index}`);
    }
    return samples;
  } finally {
    await gantry.dispose();
    await reference.dispose();
    rmSync(dataDir, { recursive: true, force: true });
    links.close();
    machine.leave();
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}
