import { readFileSync, realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { checkServerTls, type ServerTls } from '../apiserver/server.ts';
import type { Clock } from '../base/clock.ts';
import { errorMessage, invalidArgument } from '../base/errors.ts';
import { aborted } from '../base/signals.ts';
import type { Component } from '../daemon/component.ts';
import type { Logger } from '../daemon/logger.ts';
import { watchDirectory } from '../linux/watch-directory.ts';

export interface TlsPaths {
  readonly certificate: string;
  readonly key: string;
  readonly clientCa?: string;
}

/** Files come one after another: what follows within this time is taken together with the first. */
const SETTLE_MS = 200;
/** When to look again for a directory that was taken away; nothing tells of its coming back. */
const MISSING_MS = 5000;

/** The certificate, the key and the client CA in the files. Throws `invalid-argument` that names the flag where they cannot be used. */
export function readTlsFiles(paths: TlsPaths): ServerTls {
  const tls: ServerTls = {
    certificate: readText(paths.certificate, '--tls-cert-file'),
    key: readText(paths.key, '--tls-private-key-file'),
    ...(paths.clientCa === undefined ? {} : { clientCa: readText(paths.clientCa, '--client-ca-file') }),
  };
  try {
    checkServerTls(tls);
  } catch (error) {
    const { certificate, key, clientCa } = paths;
    const files = [certificate, key, ...(clientCa === undefined ? [] : [clientCa])].join(', ');
    throw invalidArgument(`${errorMessage(error)} (files ${files})`);
  }
  return tls;
}

export interface TlsFilesOptions {
  readonly paths: TlsPaths;
  /** What is served now. */
  readonly current: ServerTls;
  readonly onChange: (tls: ServerTls) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Hands on what is written into the files while the server runs. Directories are watched, not files, because files are replaced by renames, those of mounted
 * Secrets by the rename of a link. What cannot be used is logged, and what was served is served on.
 */
export class TlsFiles implements Component {
  readonly name = 'tls-files';
  readonly #options: TlsFilesOptions;
  readonly #watches = new Map<string, { close(): void }>();
  #current: ServerTls;
  #cancel: (() => void) | undefined;
  #problem = '';

  constructor(options: TlsFilesOptions) {
    this.#options = options;
    this.#current = options.current;
  }

  async run(signal: AbortSignal, ready: () => void): Promise<void> {
    this.#watchAll();
    // they may have changed since they were read
    this.#lookIn(0);
    ready();
    await aborted(signal);
    this.#cancel?.();
    this.#unwatchAll();
  }

  /** A look that is due already is not put off: in a directory where much happens it would never come. */
  #lookIn(ms: number): void {
    this.#cancel ??= this.#options.clock.after(ms, () => {
      this.#cancel = undefined;
      this.#look();
    });
  }

  #look(): void {
    const { paths, onChange, log } = this.#options;
    // links may lead elsewhere now, and a directory of the same name be another
    this.#unwatchAll();
    this.#watchAll();
    try {
      const tls = readTlsFiles(paths);
      if (!isSame(tls, this.#current)) {
        onChange(tls);
        this.#current = tls;
        log.info(paths, 'serving with the new contents of the certificate files');
      }
      this.#problem = '';
    } catch (error) {
      const because = errorMessage(error);
      if (because !== this.#problem)
        log.warn({ because }, 'the certificate files changed and cannot be used; what was served is served on');
      this.#problem = because;
    }
  }

  #watchAll(): void {
    for (const directory of directoriesOf(this.#options.paths))
      try {
        this.#watches.set(
          directory,
          watchDirectory(
            directory,
            () => this.#lookIn(SETTLE_MS),
            () => this.#lookIn(MISSING_MS),
          ),
        );
      } catch {
        this.#lookIn(MISSING_MS);
      }
  }

  #unwatchAll(): void {
    for (const watch of this.#watches.values()) watch.close();
    this.#watches.clear();
  }
}

/** Where the files are, and where the links among them lead. */
function directoriesOf({ certificate, key, clientCa }: TlsPaths): ReadonlySet<string> {
  const directories = new Set<string>();
  for (const path of [certificate, key, clientCa]) {
    if (path === undefined) continue;
    directories.add(dirname(path));
    try {
      directories.add(dirname(realpathSync(path)));
    } catch {
      // it is not there: its directory tells when it is
    }
  }
  return directories;
}

function isSame(a: ServerTls, b: ServerTls): boolean {
  return a.certificate === b.certificate && a.key === b.key && a.clientCa === b.clientCa;
}

function readText(path: string, flag: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw invalidArgument(`${flag}: ${errorMessage(error)}`);
  }
}
