import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../base/clock.ts';
import { errorMessage } from '../base/errors.ts';
import { aborted } from '../base/signals.ts';
import type { Component } from '../daemon/component.ts';
import type { Logger } from '../daemon/logger.ts';
import { WatchedFiles } from '../linux/watched-files.ts';

export interface ReloadedFilesOptions<T> {
  readonly name: string;
  /** Asked anew after each change: a file may name others. */
  readonly paths: () => readonly string[];
  /** What is in the files, checked. Throws where it cannot be used. */
  readonly read: () => T;
  /** What is in use now. */
  readonly current: T;
  readonly onChange: (next: T) => void;
  /** What to log of new contents. */
  readonly told: (next: T) => readonly [fields: object, message: string];
  readonly clock: Clock;
  readonly log: Logger;
}

/** Hands on what is written into files while a daemon runs. What cannot be used is logged, and what was in use stays so. */
export function reloadedFiles<T>(options: ReloadedFilesOptions<T>): Component {
  const { name, paths, read, onChange, told, clock, log } = options;
  let { current } = options;
  let problem = '';
  const look = (): void => {
    try {
      const next = read();
      if (!isDeepStrictEqual(next, current)) {
        onChange(next);
        current = next;
        log.info(...told(next));
      }
      problem = '';
    } catch (error) {
      const because = errorMessage(error);
      if (because !== problem)
        log.warn({ files: paths(), because }, 'files changed and cannot be used; what was in use stays in use');
      problem = because;
    }
  };
  return {
    name,
    async run(signal, ready) {
      const watched = new WatchedFiles({ paths, onChange: look, clock });
      ready();
      await aborted(signal);
      watched.close();
    },
  };
}
