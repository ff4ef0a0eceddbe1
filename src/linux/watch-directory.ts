import { type FSWatcher, watch } from 'node:fs';

/**
 * Calls `onName` with the name of each entry that is created, changed, renamed or removed directly inside `directory` (inotify). Names may
 * repeat and may be gone by the time they arrive: the caller looks again. `onError` tells that the watch is dead (the directory was removed).
 */
export function watchDirectory(
  directory: string,
  onName: (name: string) => void,
  onError: (error: Error) => void,
): { close(): void } {
  const watcher: FSWatcher = watch(directory, { persistent: false }, (_event, name) => {
    if (typeof name === 'string') onName(name);
  });
  watcher.on('error', error => onError(error instanceof Error ? error : new Error(String(error))));
  return { close: () => watcher.close() };
}
