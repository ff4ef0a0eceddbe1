import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '../../linux/atomic-file.ts';
import { check, libc } from '../../linux/ffi.ts';
import { CNI_ERROR, CniError } from '../protocol/error.ts';
import { JournalBuilder, type JournalLine, type JournalState, stateLines } from './state.ts';

const LOCK_EX = 2;
const LOCK_UN = 8;
const SUFFIX = '.journal';
const FORMAT = 1;
/** The file is written anew when it holds this many lines more than twice its entries: at 80 bytes a line some 300 KB. */
const SPARE_LINES = 4096;

interface Header {
  readonly format: number;
  readonly network: string;
  readonly bootId: string;
  readonly last: readonly string[];
}

export interface JournalTransaction {
  readonly state: JournalState;
  /** In the file when this returns: a process killed right after has done it. */
  append(line: JournalLine): void;
}

/**
 * The address journal of one network: a header and a line per change, appended under a lock that all processes of the machine share (flock on a
 * file beside it; the kernel drops it with its holder). A line is one write(2), so kill -9 leaves it whole or, at worst, a torn last line, which
 * the next holder cuts off. It is not synced to the disk: after a power cut the boot id differs and nothing in it is alive anyway.
 */
export class AddressJournal {
  readonly network: string;
  readonly #path: string;
  readonly #bootId: string;
  readonly #lock: number;
  #fd = -1;
  #inode = -1;
  #size = 0;
  #lines = 0;
  #state = new JournalBuilder();

  private constructor(folder: string, network: string, bootId: string) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.network = network;
    this.#path = join(folder, `${network}${SUFFIX}`);
    this.#bootId = bootId;
    this.#lock = openSync(join(folder, `${network}.lock`), 'a', 0o600);
  }

  /** Opens the journal of `network` (a name that matches the specification's pattern) and makes its folder. */
  static open(folder: string, network: string, bootId: string): AddressJournal {
    return new AddressJournal(folder, network, bootId);
  }

  /** The networks that have a journal in the folder. */
  static networks(folder: string): string[] {
    try {
      return readdirSync(folder).flatMap(name => (name.endsWith(SUFFIX) ? [name.slice(0, -SUFFIX.length)] : []));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  }

  /** Runs `work`, which must be short, with the lock held and the state as the file has it now. */
  transaction<T>(work: (transaction: JournalTransaction) => T): T {
    const flock = libc('int flock(int, int)');
    check(flock(this.#lock, LOCK_EX), 'flock', this.#path);
    try {
      this.#refresh();
      const result = work({ state: this.#state, append: line => this.#append(line) });
      if (this.#lines > SPARE_LINES + 2 * this.#state.entries.size) this.#rewrite();
      return result;
    } finally {
      flock(this.#lock, LOCK_UN);
    }
  }

  close(): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    closeSync(this.#lock);
    this.#fd = -1;
  }

  #append(line: JournalLine): void {
    const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
    const written = writeSync(this.#fd, bytes);
    if (written !== bytes.length) {
      // A full disk takes a part; the journal must not keep it.
      truncateSync(this.#path, this.#size);
      throw new CniError(CNI_ERROR.io, `${this.#path}: no space left for a line of the address journal`);
    }
    this.#size += written;
    this.#lines += 1;
    this.#state.apply(line);
  }

  /** Takes up what other processes wrote: the tail, or everything when the file was replaced or this is the first look. */
  #refresh(): void {
    const present = statSync(this.#path, { throwIfNoEntry: false });
    if (present !== undefined && present.ino === this.#inode && present.size === this.#size) return;
    this.#load();
  }

  #load(): void {
    const text = this.#read();
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    const lines = whole.split('\n').slice(0, -1);
    const header = parseHeader(lines[0]);
    if (header === undefined || header.bootId !== this.#bootId) {
      // Nothing of another boot is alive; only where to go on is kept.
      this.#state = new JournalBuilder(lastAddresses(lines) ?? header?.last ?? []);
      this.#rewrite();
      return;
    }
    this.#state = new JournalBuilder(header.last);
    for (const [index, line] of lines.slice(1).entries()) this.#state.apply(this.#parseLine(line, index + 2));
    if (whole.length !== text.length) truncateSync(this.#path, Buffer.byteLength(whole));
    this.#lines = lines.length;
    this.#reopen();
  }

  #parseLine(line: string, number: number): JournalLine {
    try {
      return JSON.parse(line) as JournalLine;
    } catch {
      const advice = 'remove the file when no pod runs on this machine';
      throw new CniError(CNI_ERROR.decode, `${this.#path}:${number}: not a line of an address journal; ${advice}`);
    }
  }

  #read(): string {
    try {
      return readFileSync(this.#path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
      throw error;
    }
  }

  #rewrite(): void {
    const header: Header = { format: FORMAT, network: this.network, bootId: this.#bootId, last: this.#state.last };
    const lines = [header, ...stateLines(this.#state)].map(line => `${JSON.stringify(line)}\n`);
    writeFileAtomic(this.#path, lines.join(''));
    this.#lines = lines.length;
    this.#reopen();
  }

  #reopen(): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = openSync(this.#path, 'a', 0o600);
    const { ino, size } = fstatSync(this.#fd);
    this.#inode = ino;
    this.#size = size;
  }
}

/** The addresses of the last line that took some, if any can be read. */
function lastAddresses(lines: readonly string[]): readonly string[] | undefined {
  const line = lines.findLast(text => text.startsWith('{"op":"take"'));
  try {
    const { ips } = JSON.parse(line ?? '') as { ips?: unknown };
    return Array.isArray(ips) && ips.every(ip => typeof ip === 'string') ? ips : undefined;
  } catch {
    return undefined;
  }
}

/** Undefined for an empty file and for one whose beginning was lost in a power cut (zeros). */
function parseHeader(line: string | undefined): Header | undefined {
  try {
    const header = JSON.parse(line ?? '') as Header;
    if (typeof header.bootId !== 'string' || !Array.isArray(header.last)) return undefined;
    if (header.format === FORMAT) return header;
  } catch {
    return undefined;
  }
  throw new CniError(CNI_ERROR.decode, 'the address journal was written by a newer version of this program');
}
