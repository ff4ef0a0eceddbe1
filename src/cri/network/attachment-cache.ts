import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isObject } from '../../cni/protocol/json.ts';
import { type NetworkList, parseNetworkList } from '../../cni/protocol/network-list.ts';
import { type CniResult, formatResult, parseResult } from '../../cni/protocol/result.ts';
import { writeFileAtomic } from '../../linux/atomic-file.ts';

/** What DEL needs of an ADD of earlier: the list as it was then, the values that were passed, and the final result (none when ADD did not end). */
export interface CachedAttachment {
  readonly containerId: string;
  readonly ifname: string;
  readonly netns: string;
  readonly list: NetworkList;
  readonly args: readonly (readonly [string, string])[];
  readonly runtimeValues: Readonly<Record<string, unknown>>;
  readonly result: CniResult | undefined;
}

/** In the names under which writeFileAtomic begins a file. */
const UNFINISHED = '.tmp-';

/** libcni's cache of results: `<cacheDir>/results/<network>-<container id>-<ifname>`, one JSON object of kind `cniCacheV1` each. */
export class AttachmentCache {
  readonly #folder: string;

  constructor(cacheDir: string) {
    this.#folder = join(cacheDir, 'results');
  }

  write(attachment: CachedAttachment): void {
    const { containerId, ifname, netns, list, args, runtimeValues, result } = attachment;
    const record = {
      kind: 'cniCacheV1',
      containerId,
      config: Buffer.from(list.text).toString('base64'),
      ifName: ifname,
      networkName: list.name,
      netns,
      cniArgs: args,
      capabilityArgs: runtimeValues,
      result: result === undefined ? null : formatResult(result, list.cniVersion),
    };
    writeFileAtomic(this.#path(list.name, containerId, ifname), JSON.stringify(record));
  }

  /** Safe to repeat. */
  remove(attachment: CachedAttachment): void {
    rmSync(this.#path(attachment.list.name, attachment.containerId, attachment.ifname), { force: true });
  }

  /**
   * The attachments of one container and link (one, unless the configuration changed its network's name in between). A file that cannot be read as
   * an attachment is removed: DEL then runs without it, as the specification allows.
   */
  find(containerId: string, ifname: string): CachedAttachment[] {
    return this.#names()
      .filter(name => name.endsWith(`-${containerId}-${ifname}`))
      .flatMap(name => this.#read(name))
      .filter(found => found.containerId === containerId && found.ifname === ifname);
  }

  /** The attachment under that network's name, undefined when there is none. Cheaper than `find`. */
  get(network: string, containerId: string, ifname: string): CachedAttachment | undefined {
    return this.#read(`${network}-${containerId}-${ifname}`)[0];
  }

  /** Every attachment. Also clears away the beginnings of files whose writer was killed. */
  list(): CachedAttachment[] {
    for (const name of this.#names()) if (name.includes(UNFINISHED)) rmSync(join(this.#folder, name), { force: true });
    return this.#names().flatMap(name => this.#read(name));
  }

  #names(): string[] {
    try {
      return readdirSync(this.#folder);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  }

  #read(name: string): CachedAttachment[] {
    const path = join(this.#folder, name);
    try {
      const record = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
      if (record['kind'] !== 'cniCacheV1') throw new Error('not a cached result');
      const result = record['result'];
      const values = record['capabilityArgs'];
      const text = Buffer.from(String(record['config']), 'base64').toString('utf8');
      return [
        {
          containerId: String(record['containerId']),
          ifname: String(record['ifName']),
          netns: String(record['netns'] ?? ''),
          list: parseNetworkList(text, !('plugins' in (JSON.parse(text) as object))),
          args: Array.isArray(record['cniArgs']) ? (record['cniArgs'] as [string, string][]) : [],
          runtimeValues: isObject(values) ? values : {},
          result: isObject(result) ? parseResult(result) : undefined,
        },
      ];
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      rmSync(path, { force: true });
      return [];
    }
  }

  #path(network: string, containerId: string, ifname: string): string {
    return join(this.#folder, `${network}-${containerId}-${ifname}`);
  }
}
