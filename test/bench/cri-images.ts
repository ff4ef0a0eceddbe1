import { ImageSpec } from '../../src/rpc/cri-api.ts';
import { buildImage, buildLayer } from '../harness/image-builder.ts';
import { LAYERED } from '../harness/images.ts';
import { type Registry, startRegistry } from '../harness/registry.ts';
import { atOnce, operationRows, peerTable, Samples, type Side, type Sides } from './cri-sides.ts';

const GOAL = 0.5;
const PULL_GOAL = 1;

/** Small images that share nothing, so that each pull is one. */
const SMALL_IMAGES = 8;
const SMALL_BYTES = 1 << 20;

interface Source {
  readonly side: Side;
  readonly registry: Registry;
}

/** A registry within each host: the handlers of a peer share one, and what is measured here runs no container. */
export async function openSources(sides: Sides): Promise<Source[]> {
  const [ours, peer] = sides.all;
  const chosen = peer === undefined ? [ours] : [ours, { ...peer, name: 'containerd' }];
  return Promise.all(chosen.map(async side => ({ side, registry: await startRegistry(side.target.host) })));
}

async function smallImages({ registry }: Source): Promise<string[]> {
  const references: string[] = [];
  for (let number = 0; number < SMALL_IMAGES; number += 1) {
    const layer = await buildLayer([[{ name: 'file' }, Buffer.alloc(SMALL_BYTES, `${number} is in it; `)]]);
    references.push(await registry.pushBuilt(buildImage([layer]), `bench/small-${number}:1`));
  }
  return references;
}

async function imageLifecycle({ side }: Source, reference: string, into: Samples): Promise<void> {
  const { client } = side.target;
  const image = ImageSpec.fromPartial({ image: reference });
  await into.time('PullImage', () => client.pullImage({ image, auth: undefined, sandboxConfig: undefined }));
  await into.time('ImageStatus', () => client.imageStatus({ image, verbose: false }));
  await into.time('ListImages', () => client.listImages({ filter: undefined }));
  await into.time('RemoveImage', () => client.removeImage({ image }));
}

const tableSides = (sources: readonly Source[]): Sides => {
  const [first, ...others] = sources.map(({ side }) => side);
  if (first === undefined) throw new Error('no side to measure');
  return { all: [first, ...others], delete: async () => {} };
};

/** The operations of critest's image benchmarks. */
export async function measureImages(
  sources: readonly Source[],
  { rounds, width }: { readonly rounds: number; readonly width: number },
): Promise<string> {
  const references = await Promise.all(sources.map(smallImages));
  const samples = sources.map(() => new Samples());
  for (let round = -1; round < rounds; round += 1)
    for (const [at, source] of sources.entries()) {
      // one round unmeasured fills the registry's page cache
      const into = round < 0 ? new Samples() : (samples[at] ?? new Samples());
      await atOnce(references[at] ?? [], width, reference => imageLifecycle(source, reference, into));
    }
  const how = width === 1 ? 'one after another' : `${width} at once`;
  return peerTable(
    `Images of ${SMALL_BYTES >> 20} MB, ${how}: ${rounds} rounds of ${SMALL_IMAGES}`,
    tableSides(sources),
    (['PullImage', 'ImageStatus', 'ListImages', 'RemoveImage'] as const).flatMap(operation =>
      operationRows(operation, samples, GOAL),
    ),
  );
}

/** Pull and unpack of 300 MB in eight layers. */
export async function measurePull(sources: readonly Source[], rounds: number): Promise<string> {
  const images: ImageSpec[] = [];
  for (const { registry } of sources)
    images.push(ImageSpec.fromPartial({ image: await registry.push(LAYERED, 'bench/layered:1') }));
  const samples = sources.map(() => new Samples());
  for (let round = -1; round < rounds; round += 1)
    for (const [at, { side }] of sources.entries()) {
      const { client } = side.target;
      const image = images[at];
      const into = round < 0 ? new Samples() : (samples[at] ?? new Samples());
      await into.time('pull and unpack', () => client.pullImage({ image, auth: undefined, sandboxConfig: undefined }));
      await into.time('removal', () => client.removeImage({ image }));
    }
  return peerTable(`Pull: ${rounds} times 300 MB in eight layers from a registry on loopback`, tableSides(sources), [
    ...operationRows('pull and unpack', samples, PULL_GOAL).slice(0, 1),
    ...operationRows('removal', samples, GOAL).slice(0, 1),
  ]);
}
