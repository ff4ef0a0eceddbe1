import type { Storage } from '../../src/apiserver/storage/storage.ts';

/** A storage with some of its calls replaced. */
export function overridingStorage(storage: Storage, part: Partial<Storage>): Storage {
  return {
    get: (...args) => storage.get(...args),
    list: (...args) => storage.list(...args),
    create: (...args) => storage.create(...args),
    update: (...args) => storage.update(...args),
    delete: (...args) => storage.delete(...args),
    watch: (...args) => storage.watch(...args),
    currentRevision: (...args) => storage.currentRevision(...args),
    compactStep: (...args) => storage.compactStep(...args),
    ...part,
  };
}
