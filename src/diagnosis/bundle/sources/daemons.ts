import { closeSync, fstatSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { errnoName, errorMessage } from '../../../base/errors.ts';
import { ALL_SERVICES } from '../../../bootstrap/services.ts';
import type { Reach } from '../../reach/reach.ts';
import { redactSettings } from '../../redaction/settings.ts';
import { type BundleItem, type BundleSource, endOf, MOST_BYTES } from '../item.ts';
import { commandItem } from './command.ts';

const HOST_LOGS = '/var/log/gantry';

/** The logs of the daemons since a time (ms since the epoch), the last 4 MiB of each: of the journal, or of the files of a host's supervisor. */
export function daemonLogs(keeper: 'systemd' | 'host' | 'nobody', since: number, reach: Reach): BundleSource {
  return {
    what: 'the logs of the daemons',
    timeoutMs: 60_000,
    async *items(signal) {
      for (const name of ALL_SERVICES) {
        const path = `logs/${name}.log`;
        const because = keeper === 'host' ? reach.silenceAt(HOST_LOGS) : undefined;
        if (because !== undefined) yield { path, missing: because };
        else if (keeper === 'host') yield hostLog(path, `${HOST_LOGS}/${name}`, since);
        else if (keeper === 'systemd') yield await commandItem(path, journal(name, since), signal, 'end');
        else yield { path, missing: 'nothing here keeps daemons running' };
      }
    },
  };
}

/** What systemd knows of its units, beside their logs. */
export function unitStates(keeper: 'systemd' | 'host' | 'nobody'): BundleSource {
  return {
    what: 'the states of the units',
    timeoutMs: 20_000,
    async *items(signal) {
      if (keeper !== 'systemd') return;
      const units = ALL_SERVICES.map(name => `${name}.service`);
      yield asSettings(await commandItem('daemons/units.txt', ['systemctl', 'show', '--no-pager', ...units], signal));
      yield asSettings(
        await commandItem('daemons/unit-files.txt', ['systemctl', 'cat', '--no-pager', ...units], signal),
      );
      yield await commandItem('daemons/failed.txt', ['systemctl', 'list-units', '--failed', '--no-pager'], signal);
    },
  };
}

function asSettings(item: BundleItem): BundleItem {
  return 'text' in item ? { ...item, text: redactSettings(item.text, 'unit') } : item;
}

function journal(name: string, since: number): readonly string[] {
  const from = `--since=@${Math.floor(since / 1000)}`;
  return ['journalctl', '--quiet', '--no-pager', '--output=short-iso-precise', from, `--unit=${name}.service`];
}

/** The files of svlogd in their order: those that are full begin with `@` and the time of their end, the newest is `current`. */
function hostLog(path: string, folder: string, since: number): BundleItem {
  try {
    const names = readdirSync(folder).filter(name => name.startsWith('@') || name === 'current');
    const files = names
      .sort((a, b) => Number(a === 'current') - Number(b === 'current') || (a < b ? -1 : 1))
      .map(name => `${folder}/${name}`)
      .filter(file => statSync(file).mtimeMs >= since);
    const parts: string[] = [];
    let left = MOST_BYTES;
    // the newest are read first, as far as there is room
    for (const file of files.toReversed()) {
      if (left <= 0) break;
      const text = readEnd(file, left);
      left -= Buffer.byteLength(text);
      parts.unshift(text);
    }
    const { text, cut } = endOf(linesSince(parts.join(''), since));
    const isCut = cut ?? (left <= 0 ? `only its last ${MOST_BYTES} bytes are here` : undefined);
    return { path, text, ...(isCut === undefined ? {} : { cut: isCut }) };
  } catch (error) {
    return { path, missing: errnoName(error) === 'ENOENT' ? 'no daemon of that name runs here' : errorMessage(error) };
  }
}

function readEnd(file: string, most: number): string {
  const fd = openSync(file, 'r');
  try {
    const { size } = fstatSync(fd);
    const bytes = Buffer.alloc(Math.min(size, most));
    const read = readSync(fd, bytes, 0, bytes.length, size - bytes.length);
    const text = bytes.subarray(0, read).toString('utf8');
    return size > most ? text.slice(text.indexOf('\n') + 1) : text;
  } finally {
    closeSync(fd);
  }
}

/** Without the lines before the first that is known to be later: ours begin with their time in ms, and what others write has none that could be read. Pure. */
export function linesSince(text: string, since: number): string {
  let from = 0;
  for (const match of text.matchAll(/^.*?"time":(\d{13})\b.*$/gm)) {
    if (Number(match[1]) >= since) break;
    from = match.index + match[0].length + 1;
  }
  return text.slice(from);
}
