import { describe, expect, it } from 'vitest';
import { type ErrorCode, GantryError } from '../../../../src/base/errors.ts';
import type { BlobLocation, ImageSource } from '../../../../src/cri/images/image-source.ts';
import { mirrorPlace, SourcesInOrder } from '../../../../src/cri/images/mirrors.ts';
import { parseReference } from '../../../../src/cri/images/reference.ts';
import { createLogger } from '../../../../src/daemon/logger.ts';

const NONE = { insecure: [] };
const SIGNAL = new AbortController().signal;
const LAYER = { mediaType: 'layer', digest: `sha256:${'1'.repeat(64)}`, size: 1, annotations: {} };
const LOG = createLogger({ daemon: 'test', level: 'silent' });

/** Gives itself by name, or always fails. */
function source(name: string, fails?: ErrorCode): ImageSource {
  const give = <T>(value: T): Promise<T> =>
    fails === undefined ? Promise.resolve(value) : Promise.reject(new GantryError(fails, `${name} fails`));
  return {
    manifest: () => give({ bytes: Buffer.from(name), mediaType: '', digest: '' }),
    document: () => give(Buffer.from(name)),
    locate: async (): Promise<BlobLocation> => ({ kind: 'file', path: name, offset: 0, length: 0 }),
    close: () => undefined,
  };
}

const manifestOf = async (sources: ImageSource): Promise<string> =>
  (await sources.manifest('latest', SIGNAL)).bytes.toString();

const layerFrom = async (sources: ImageSource): Promise<unknown> => sources.locate(LAYER);

describe('the place of an image at a mirror', () => {
  it.each([
    ['the repository stays', 'https://mirror.example', 'docker.io/library/web:1', 'mirror.example', 'library/web', []],
    ['a path goes before it', 'https://m.example:8443/hub/', 'docker.io/a/b:1', 'm.example:8443', 'hub/a/b', []],
    ['http is plain HTTP', 'http://10.0.0.5:5000', 'a.b/c:1', '10.0.0.5:5000', 'c', ['10.0.0.5:5000']],
  ])('%s', (_sentence, mirror, image, domain, path, insecure) => {
    const place = mirrorPlace(mirror, parseReference(image), NONE);
    expect(place).toEqual({
      reference: { domain, path, tag: '1', digest: undefined },
      options: { insecure },
    });
  });
});

describe('sources in order', () => {
  it.each<[ErrorCode]>([['unavailable'], ['not-found'], ['unauthenticated'], ['permission-denied']])(
    'the next one is asked after %s',
    async code => {
      expect(await manifestOf(new SourcesInOrder([source('mirror', code), source('registry')], LOG))).toBe('registry');
    },
  );

  it('a manifest that is damaged is not looked for elsewhere', async () => {
    const sources = new SourcesInOrder([source('mirror', 'data-loss'), source('registry')], LOG);
    await expect(manifestOf(sources)).rejects.toThrow('mirror fails');
  });

  it('the error of the last one counts', async () => {
    const sources = new SourcesInOrder([source('mirror', 'unavailable'), source('registry', 'not-found')], LOG);
    await expect(manifestOf(sources)).rejects.toThrow('registry fails');
  });

  it('layers come from the source of the manifest', async () => {
    const sources = new SourcesInOrder([source('away', 'unavailable'), source('mirror'), source('registry')], LOG);
    await manifestOf(sources);
    expect(await layerFrom(sources)).toMatchObject({ path: 'mirror' });
  });

  it('a layer that is asked for again comes from the next one, at last from the registry', async () => {
    const sources = new SourcesInOrder([source('mirror'), source('registry')], LOG);
    const from = [await layerFrom(sources), await layerFrom(sources), await layerFrom(sources)];
    expect(from).toMatchObject([{ path: 'mirror' }, { path: 'registry' }, { path: 'registry' }]);
  });
});
