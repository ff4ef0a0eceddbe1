import { fstatSync, writeSync } from 'node:fs';
import type { Clock } from '../base/clock.ts';
import { type DatagramSender, openDatagramSender } from '../linux/unix-datagram.ts';
import { journalEntry, type LogLine } from './journal-entry.ts';

const JOURNAL_SOCKET = '/run/systemd/journal/socket';
const STDERR = 2;
/** What waits for a journal that is behind, or being started anew. */
const BACKLOG_BYTES = 4 << 20;
const RETRY_MS = 20;

/** True when standard error of this process leads to the journal: $JOURNAL_STREAM names its device and inode (systemd.exec(5)). */
export function isJournal(
  journalStream: string | undefined,
  stderr: { readonly dev: bigint; readonly ino: bigint },
): boolean {
  return journalStream !== undefined && journalStream === `${stderr.dev}:${stderr.ino}`;
}

/** The journal as where a logger writes; undefined where standard error leads elsewhere, or the journal cannot be reached. */
export function openJournal(clock: Clock): { write(line: string): void } | undefined {
  try {
    if (!isJournal(process.env['JOURNAL_STREAM'], fstatSync(STDERR, { bigint: true }))) return undefined;
    const journal = new JournalDestination(openDatagramSender(JOURNAL_SOCKET), clock, text => writeSync(STDERR, text));
    process.on('exit', () => journal.flush());
    return journal;
  } catch {
    return undefined;
  }
}

/**
 * Sends every line as an entry of the journal, at once: what was logged before kill -9 is there afterwards. A journal that is behind is not waited for: what it does not take is kept,
 * up to 4 MiB, and sent when it does; what does not fit is counted, and told. At the end of the process, and before a fatal line, it is waited for,
 * a second at most, and what it does not even take then goes to `otherwise`.
 */
export class JournalDestination {
  readonly #sender: DatagramSender;
  readonly #clock: Clock;
  readonly #otherwise: (text: string) => void;
  #backlog: { readonly line: string; readonly entry: Buffer }[] = [];
  #backlogBytes = 0;
  #dropped = 0;
  #cancel: (() => void) | undefined;

  constructor(sender: DatagramSender, clock: Clock, otherwise: (text: string) => void) {
    this.#sender = sender;
    this.#clock = clock;
    this.#otherwise = otherwise;
  }

  write(line: string): void {
    const parsed = parseLine(line);
    const entry = journalEntry(parsed);
    if (parsed['level'] === 'fatal') {
      this.flush();
      this.#sendLast(line, entry);
    } else if (this.#backlog.length > 0 || !this.#send(entry)) {
      this.#keep(line, entry);
    }
  }

  /** Sends what waits, and waits for the journal to take it. */
  flush(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    const waiting = this.#backlog;
    this.#backlog = [];
    this.#backlogBytes = 0;
    let isTaken = true;
    for (const { line, entry } of waiting)
      if (isTaken) isTaken = this.#sendLast(line, entry);
      else this.#otherwise(line);
    this.#tellDropped();
  }

  #send(entry: Buffer): boolean {
    try {
      this.#sender.send(entry);
      return true;
    } catch {
      return false;
    }
  }

  #sendLast(line: string, entry: Buffer): boolean {
    try {
      this.#sender.sendLast(entry);
      return true;
    } catch {
      this.#otherwise(line);
      return false;
    }
  }

  #keep(line: string, entry: Buffer): void {
    if (this.#backlogBytes + entry.length > BACKLOG_BYTES) {
      this.#dropped += 1;
      return;
    }
    this.#backlog.push({ line, entry });
    this.#backlogBytes += entry.length;
    this.#cancel ??= this.#clock.after(RETRY_MS, () => this.#retry());
  }

  #retry(): void {
    this.#cancel = undefined;
    let sent = 0;
    for (const { entry } of this.#backlog) {
      if (!this.#send(entry)) break;
      this.#backlogBytes -= entry.length;
      sent += 1;
    }
    this.#backlog.splice(0, sent);
    if (this.#backlog.length > 0) this.#cancel = this.#clock.after(RETRY_MS, () => this.#retry());
    else this.#tellDropped();
  }

  #tellDropped(): void {
    if (this.#dropped === 0) return;
    const count = this.#dropped;
    this.#dropped = 0;
    this.write(
      `${JSON.stringify({ level: 'warn', msg: 'lines of the log were lost: the journal took none for too long', count })}\n`,
    );
  }
}

/** A line that is no JSON is a message all the same. */
function parseLine(line: string): LogLine {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null) return value as LogLine;
  } catch {
    // told as it is
  }
  return { msg: line.trimEnd() };
}
