import { ImageSpec } from '../../src/rpc/cri-api.ts';
import { BIG } from '../harness/images.ts';
import { startRegistry } from '../harness/registry.ts';
import { containerdHost, gantryHost, type RuntimeHost } from '../harness/runtime-host.ts';
import { quantile, table } from './statistics.ts';

const ROUNDS = Number(process.env['GANTRY_BENCH_ROUNDS'] ?? 3);

interface Side {
  readonly target: RuntimeHost;
  readonly reference: string;
  readonly times: number[];
}

async function side(target: RuntimeHost): Promise<Side> {
  const registry = await startRegistry(target.host);
  return { target, reference: await registry.push(BIG, 'bench/big:1'), times: [] };
}

/** One pull of an image that is not there, and its removal. */
async function pull({ target, reference, times }: Side): Promise<void> {
  const image = ImageSpec.fromPartial({ image: reference });
  const begun = performance.now();
  await target.client.pullImage({ image, auth: undefined, sandboxConfig: undefined });
  times.push(performance.now() - begun);
  await target.client.removeImage({ image });
}

const ours = await gantryHost();
const peer = await containerdHost();
try {
  const sides = [await side(ours), await side(peer)] as const;
  // each host has a registry of its own; one pull unmeasured fills its page cache
  for (const each of sides) await pull(each);
  for (const each of sides) each.times.length = 0;
  for (let round = 0; round < ROUNDS; round += 1) for (const each of sides) await pull(each);
  console.log(
    table(`Image: ${ROUNDS} pulls of 100 MB in three layers from a registry on loopback`, 'containerd', [
      {
        what: 'pull and unpack, p50',
        unit: 'ms',
        gantry: quantile(sides[0].times, 0.5),
        peer: quantile(sides[1].times, 0.5),
      },
    ]),
  );
} finally {
  await ours.delete();
  await peer.delete();
}
