import { readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { isIp } from '../../base/cidr.ts';
import { errorMessage } from '../../base/errors.ts';
import { watchDirectory } from '../../linux/watch-directory.ts';
import type { Upstream } from './exchange.ts';

const DNS_PORT = 53;
/** Resolvers ask no more (resolv.conf(5)). */
const MAX_SERVERS = 3;

/** The name servers of a resolv.conf(5), without those that are `own`: to ask oneself would go round for ever. */
export function nameServers(text: string, own: ReadonlySet<string>): Upstream[] {
  const servers: Upstream[] = [];
  for (const line of text.split('\n')) {
    const [keyword, address = ''] = line.trim().split(/\s+/);
    if (keyword === 'nameserver' && isIp(address) && !own.has(address)) servers.push({ address, port: DNS_PORT });
  }
  return servers.slice(0, MAX_SERVERS);
}

export interface ResolverFileOptions {
  readonly path: string;
  readonly own: ReadonlySet<string>;
  /** One line for the log. */
  readonly onTrouble: (message: string) => void;
}

/** Who is asked for names of the world outside: as a resolv.conf says it, at any moment. What cannot be read changes nothing. */
export class ResolverFile {
  readonly #options: ResolverFileOptions;
  #servers: readonly Upstream[] = [];

  constructor(options: ResolverFileOptions) {
    this.#options = options;
  }

  get servers(): readonly Upstream[] {
    return this.#servers;
  }

  /** Reads the file now and whenever it changes, or something is renamed over it, until it is closed. */
  open(): { close(): void } {
    const { path, onTrouble } = this.#options;
    this.#read();
    if (this.#servers.length === 0) onTrouble(`${path} names no name server: only names of the cluster are answered`);
    const name = basename(path);
    try {
      return watchDirectory(
        dirname(path),
        changed => {
          if (changed === name) this.#read();
        },
        error => onTrouble(`${path} is no longer watched: ${error.message}`),
      );
    } catch (error) {
      onTrouble(`${path} cannot be watched: ${errorMessage(error)}`);
      return { close() {} };
    }
  }

  #read(): void {
    const { path, own, onTrouble } = this.#options;
    try {
      this.#servers = nameServers(readFileSync(path, 'utf8'), own);
    } catch (error) {
      onTrouble(`${path} cannot be read: ${errorMessage(error)}`);
    }
  }
}
