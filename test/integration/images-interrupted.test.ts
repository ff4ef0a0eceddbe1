import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type BuiltImage, buildImage, buildLayer } from '../harness/image-builder.ts';
import { EMPTY_STORE, openTestStore, storeContent } from '../harness/image-store.ts';
import { waitFor } from '../harness/wait-for.ts';

const never = new AbortController().signal;
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A registry of these images by name. The first time that the blob is asked for, it is begun and not ended; `begun` counts. */
async function stallingRegistry(images: Readonly<Record<string, BuiltImage>>, stalled: string) {
  const held: ServerResponse[] = [];
  const seen = { begun: 0 };
  const server = createServer((request, response) => {
    const url = request.url ?? '';
    const image = images[/^\/v2\/([^/]+)\//.exec(url)?.[1] ?? ''];
    const blob = [image?.config, ...(image?.layers ?? [])].find(b => b !== undefined && url.endsWith(b.digest));
    const bytes = blob?.bytes ?? image?.manifest.bytes ?? Buffer.alloc(0);
    response.writeHead(200, {
      'content-type': 'application/vnd.oci.image.manifest.v1+json',
      'content-length': bytes.length,
    });
    const isStalled = url.endsWith(stalled) && held.length === 0;
    seen.begun += Number(url.endsWith(stalled));
    (isStalled
      ? () => {
          held.push(response);
          response.write(bytes.subarray(0, 1000));
        }
      : () => response.end(bytes))();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

const layer = (name: string): ReturnType<typeof buildLayer> => buildLayer([[{ name }, randomBytes(100_000)]]);

describe('a pull that its caller gives up', () => {
  it('takes nothing from another that waits for the same layer, and leaves nothing of its own', async () => {
    const shared = await layer('shared');
    const [own, others] = [await layer('own'), await layer('others')];
    const pictures = { given: buildImage([shared, own]), kept: buildImage([shared, others]) };
    const { address, seen } = await stallingRegistry(pictures, shared.digest);
    const { images, root } = await openTestStore();
    const giveUp = new AbortController();
    const given = images.pull(`${address}/given:1`, undefined, giveUp.signal);
    given.catch(() => undefined);
    await waitFor('the shared layer to be on its way, and the other to be there', () => {
      const { layers = [] } = storeContent(root);
      return seen.begun === 1 && layers.length === 1;
    });
    const kept = images.pull(`${address}/kept:1`, undefined, never);
    await waitFor(
      'the second pull to wait for the shared layer alone',
      () => storeContent(root)['layers']?.length === 2,
    );
    giveUp.abort(new Error('the caller has gone'));
    await expect(given).rejects.toThrow();
    expect((await kept).id).toBe(pictures.kept.config.digest);
    expect(seen.begun).toBe(2);
    expect(images.list()).toHaveLength(1);
    expect(storeContent(root)).toMatchObject({ ingest: [], layers: [expect.any(String), expect.any(String)] });
    await images.remove(pictures.kept.config.digest);
    expect(storeContent(root)).toEqual(EMPTY_STORE);
    await images.close();
  });

  it('leaves nothing when the store is closed in the middle of it', async () => {
    const stuck = await layer('stuck');
    const { address, seen } = await stallingRegistry({ a: buildImage([stuck, await layer('done')]) }, stuck.digest);
    const { images, root } = await openTestStore();
    const pull = images.pull(`${address}/a:1`, undefined, never);
    pull.catch(() => undefined);
    await waitFor('one layer to be there', () => seen.begun === 1 && storeContent(root)['layers']?.length === 1);
    await images.close();
    await expect(pull).rejects.toThrow();
    expect(storeContent(root)).toEqual(EMPTY_STORE);
  });
});
