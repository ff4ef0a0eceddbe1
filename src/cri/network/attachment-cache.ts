import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CNI_ERROR, CniError } from '../../cni/protocol/error.ts';
import { Fields, type JsonObject, parseJsonObject } from '../../cni/protocol/json.ts';
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

interface CacheRecord {
  readonly isOurs: boolean;
  readonly attachment: CachedAttachment;
}

/** The names under which writeFileAtomic begins a file. */
const UNFINISHED = /\.tmp-[0-9a-f]{8}$/;
/** In each record of ours. Other runtimes keep theirs in the same format, and may be told to keep them in the same directory. */
const OWNER = 'gantry';

/**
 * Results of ADD in the format of libcni's cache: `<cacheDir>/results/<network>-<container id>-<ifname>`, one JSON object of kind `cniCacheV1` each,
 * marked as ours by `owner`. Errors of the file system come through: a record that cannot be read now is not one that is not there.
 */
export class AttachmentCache {
  readonly #folder: string;

  constructor(cacheDir: string) {
    this.#folder = join(cacheDir, 'results');
  }

  write(attachment: CachedAttachment): void {
    const { containerId, ifname, netns, list, args, runtimeValues, result } = attachment;
    const record = {
      kind: 'cniCacheV1',
      owner: OWNER,
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
   * The attachments of one container and link (one, unless the configuration changed its network's name in between). A file that is no record of an
   * attachment is removed: DEL then runs without it, as the specification allows.
   */
  find(containerId: string, ifname: string): CachedAttachment[] {
    return this.#names()
      .filter(name => name.endsWith(`-${containerId}-${ifname}`))
      .flatMap(name => this.#readOrRemove(name))
      .filter(found => found.containerId === containerId && found.ifname === ifname);
  }

  /** The attachment under that network's name, undefined when there is none. Cheaper than `find`. */
  get(network: string, containerId: string, ifname: string): CachedAttachment | undefined {
    return this.#readOrRemove(`${network}-${containerId}-${ifname}`)[0];
  }

  /**
   * Every attachment of ours. What other runtimes keep here, and files that are no records, are left alone. Clears away the beginnings of files
   * whose writer was killed. A file that cannot be read is passed over, after `onError` was told.
   */
  list(onError: (file: string, error: unknown) => void): CachedAttachment[] {
    return this.#names().flatMap(name => {
      const path = join(this.#folder, name);
      try {
        if (UNFINISHED.test(name)) {
          rmSync(path, { force: true });
          return [];
        }
        const record = this.#read(name);
        return typeof record === 'object' && record.isOurs ? [record.attachment] : [];
      } catch (error) {
        onError(path, error);
        return [];
      }
    });
  }

  #names(): string[] {
    try {
      return readdirSync(this.#folder);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  }

  #readOrRemove(name: string): CachedAttachment[] {
    const record = this.#read(name);
    if (record === 'missing') return [];
    if (record !== 'no record') return [record.attachment];
    rmSync(join(this.#folder, name), { force: true });
    return [];
  }

  #read(name: string): CacheRecord | 'missing' | 'no record' {
    let text: string;
    try {
      text = readFileSync(join(this.#folder, name), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'missing';
      throw error;
    }
    try {
      return parseRecord(parseJsonObject(text, name));
    } catch (error) {
      if (error instanceof CniError) return 'no record';
      throw error;
    }
  }

  #path(network: string, containerId: string, ifname: string): string {
    return join(this.#folder, `${network}-${containerId}-${ifname}`);
  }
}

/** Throws CniError for everything that is not a record. */
function parseRecord(record: JsonObject): CacheRecord {
  const fields = new Fields(record);
  if (fields.string('kind') !== 'cniCacheV1') throw new CniError(CNI_ERROR.decode, 'the kind is not cniCacheV1');
  const text = Buffer.from(fields.string('config') ?? '', 'base64').toString('utf8');
  const isSingle = parseJsonObject(text, 'the cached configuration')['plugins'] === undefined;
  const result = fields.object('result');
  return {
    isOurs: fields.string('owner') === OWNER,
    attachment: {
      containerId: fields.string('containerId') ?? '',
      ifname: fields.string('ifName') ?? '',
      netns: fields.string('netns') ?? '',
      list: parseNetworkList(text, isSingle),
      args: (fields.list('cniArgs') ?? []) as readonly [string, string][],
      runtimeValues: fields.object('capabilityArgs') ?? {},
      result: result === undefined ? undefined : parseResult(result),
    },
  };
}
