import { describe, expect, it } from 'vitest';
import { type ErrorCode, GantryError } from '../../../../src/base/errors.ts';
import type { RepositoryAccess } from '../../../../src/cri/images/registry-access.ts';
import { RegistrySources, type RepositorySource } from '../../../../src/cri/images/registry-sources.ts';
import { createLogger } from '../../../../src/daemon/logger.ts';

const SIGNAL = new AbortController().signal;
const DIGEST = `sha256:${'1'.repeat(64)}`;
const LAYER = { mediaType: 'layer', digest: DIGEST, size: 1, annotations: {} };
const LOG = createLogger({ daemon: 'test', level: 'silent' });

/** Gives itself by name, or always fails. */
function source(name: string, fails?: ErrorCode, able: Partial<RepositorySource> = {}): RepositorySource {
  const give = <T>(value: T): Promise<T> =>
    fails === undefined ? Promise.resolve(value) : Promise.reject(new GantryError(fails, `${name} fails`));
  return {
    canResolve: true,
    canPull: true,
    manifest: () => give({ bytes: Buffer.from(name), mediaType: '', digest: '' }),
    digestOf: () => give(name),
    document: () => give(Buffer.from(name)),
    access: () => ({ authorization: name }) as RepositoryAccess,
    close: () => undefined,
    ...able,
  };
}

const sourcesOf = (...sources: RepositorySource[]): RegistrySources => new RegistrySources(sources, 'reg.example', LOG);

const manifestOf = async (sources: RegistrySources, asked = 'latest'): Promise<string> =>
  (await sources.manifest(asked, SIGNAL)).bytes.toString();

async function layerFrom(sources: RegistrySources): Promise<unknown> {
  const location = await sources.locate(LAYER);
  return 'repositories' in location ? location.repositories.map(r => r.authorization) : location;
}

describe('the registry and its mirrors', () => {
  it.each<[ErrorCode]>([
    ['unavailable'],
    ['not-found'],
    ['unauthenticated'],
    ['permission-denied'],
    ['data-loss'],
    ['unknown'],
  ])('the next one is asked after %s', async code => {
    expect(await manifestOf(sourcesOf(source('mirror', code), source('registry')))).toBe('registry');
  });

  it('nobody is asked after the caller has left', async () => {
    const left = AbortSignal.abort(new Error('left'));
    const sources = sourcesOf(source('mirror', 'unavailable'), source('registry'));
    await expect(sources.manifest('latest', left)).rejects.toThrow('mirror fails');
  });

  it('the error of the last one counts', async () => {
    const sources = sourcesOf(source('mirror', 'unavailable'), source('registry', 'not-found'));
    await expect(manifestOf(sources)).rejects.toThrow('registry fails');
  });

  it('who has failed is asked no more', async () => {
    const sources = sourcesOf(source('away', 'unavailable'), source('mirror'), source('registry'));
    await manifestOf(sources);
    expect(await layerFrom(sources)).toEqual(['mirror', 'registry']);
  });

  it('who gave a layer that is not the one asked for is asked no more, as long as there are others', async () => {
    const sources = sourcesOf(source('mirror'), source('registry'));
    expect(await layerFrom(sources)).toEqual(['mirror', 'registry']);
    expect(sources.distrust(DIGEST)).toBe(true);
    // another layer from the same place, which had been asked for at the same time
    expect(sources.distrust(DIGEST)).toBe(true);
    expect(await layerFrom(sources)).toEqual(['registry']);
    expect(sources.distrust(DIGEST)).toBe(false);
    expect(await layerFrom(sources)).toEqual(['registry']);
    expect(sources.distrust(DIGEST)).toBe(false);
  });

  it('the last one is asked again though it has failed', async () => {
    const sources = sourcesOf(source('mirror', 'unavailable'), source('registry', 'unavailable'));
    await expect(manifestOf(sources)).rejects.toThrow('registry fails');
    expect(await layerFrom(sources)).toEqual(['registry']);
  });

  it('a mirror that may not resolve is asked for digests, not for tags', async () => {
    const sources = sourcesOf(source('mirror', undefined, { canResolve: false }), source('registry'));
    expect(await manifestOf(sources)).toBe('registry');
    expect(await manifestOf(sources, DIGEST)).toBe('mirror');
    expect(await layerFrom(sources)).toEqual(['mirror', 'registry']);
  });

  it('who may not be pulled from is not asked at all', async () => {
    const sources = sourcesOf(source('push only', undefined, { canPull: false }), source('registry'));
    expect(await manifestOf(sources)).toBe('registry');
    expect(await layerFrom(sources)).toEqual(['registry']);
  });

  it('a registry with no place that may resolve says so', async () => {
    const sources = sourcesOf(source('mirror', undefined, { canResolve: false }));
    await expect(manifestOf(sources)).rejects.toThrow(
      'hosts.toml names no host of registry reg.example that may say what the tag stands for (capabilities pull and resolve)',
    );
  });
});
