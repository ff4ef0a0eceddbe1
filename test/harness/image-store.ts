import { readdirSync } from 'node:fs';
import pino from 'pino';
import { type CriConfig, DEFAULT_CRI_CONFIG } from '../../src/cri/config.ts';
import { type Images, openImageStore } from '../../src/cri/images/image-store.ts';
import { gantryCommand } from './gantry-command.ts';
import { runDirectory } from './run-id.ts';

export interface TestStore {
  readonly root: string;
  readonly images: Images;
}

export interface StoreFields {
  readonly root?: string;
  readonly registries?: Partial<CriConfig['registries']>;
  readonly images?: Partial<CriConfig['images']>;
}

/** A store in a directory of its own; its unpack processes are the built command. Close it with `images.close()`. `silenceMs` is what a registry may take. */
export async function openTestStore(fields: StoreFields = {}, silenceMs = 2000): Promise<TestStore> {
  const root = fields.root ?? runDirectory('store');
  const registries = { ...DEFAULT_CRI_CONFIG.registries, configPath: '/nonexistent', ...fields.registries };
  const config = {
    ...DEFAULT_CRI_CONFIG,
    registries,
    images: { ...DEFAULT_CRI_CONFIG.images, ...fields.images },
    root,
  };
  const images = await openImageStore(config, pino({ level: 'silent' }), {
    unpackCommand: gantryCommand('unpack-layers'),
    registryTimeouts: { answerMs: silenceMs, stallMs: silenceMs, againMs: [50, 150] },
  });
  return { root, images };
}

/** Every name in the folders of a store: what is there when nothing is. */
export const EMPTY_STORE = { 'image-records': [], ingest: [], 'layer-records': [], layers: [] };

export function storeContent(root: string): Record<string, string[]> {
  const folders = readdirSync(`${root}/images`).sort();
  return Object.fromEntries(folders.map(folder => [folder, readdirSync(`${root}/images/${folder}`).sort()]));
}
