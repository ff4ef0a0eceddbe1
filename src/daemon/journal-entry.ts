/** A line of the log as pino makes it: `level`, `msg`, and what was told beside. */
export type LogLine = Readonly<Record<string, unknown>>;

/** syslog(3)'s numbers of pino's levels. */
const PRIORITIES: Readonly<Record<string, number>> = { fatal: 2, error: 3, warn: 4, info: 6, debug: 7, trace: 7 };
const INFO = 6;

/** What the journal or its readers understand in their own way (systemd.journal-fields(7)): ours of that name get a prefix. */
const TAKEN =
  /^(MESSAGE|MESSAGE_ID|PRIORITY|CODE_.*|ERRNO|INVOCATION_ID|USER_INVOCATION_ID|SYSLOG_.*|DOCUMENTATION|TID|UNIT|USER_UNIT|COREDUMP_.*|OBJECT_.*)$/;
const PREFIX = 'GANTRY_';

/** Bytes of a field, and of all: more than any line of ours, and well within what the kernel takes as one datagram (208 KiB). */
const FIELD_BYTES = 24 << 10;
const ENTRY_BYTES = 128 << 10;
const NAME_CHARACTERS = 64;
/** How much of a value is repeated in the message. */
const SHOWN_CHARACTERS = 240;

/** Said in every line, or in the fields that the journal has for it. */
const NOT_SHOWN = new Set(['level', 'time', 'msg', 'daemon']);

/**
 * A line of the log as the journal takes it on its socket (systemd.io/JOURNAL_NATIVE_PROTOCOL). MESSAGE is for people and repeats what was told beside;
 * each of that is a field as well, its name in capitals (`podUID` is POD_UID, `err.stack` is ERR_STACK). What is too long is cut, and GANTRY_CUT says so. Pure.
 */
export function journalEntry(line: LogLine): Buffer {
  const { level, daemon } = line;
  const fields: [name: string, value: string][] = [
    ['PRIORITY', String(PRIORITIES[String(level)] ?? INFO)],
    ['SYSLOG_IDENTIFIER', `gantry-${String(daemon ?? 'daemon')}`],
    ['MESSAGE', journalMessage(line)],
    ...fieldsOf(line),
  ];
  const parts: Buffer[] = [];
  let size = 0;
  let isCut = false;
  for (const [name, value] of fields) {
    const bytes = Buffer.from(value, 'utf8');
    const kept = Math.min(bytes.length, FIELD_BYTES, Math.max(0, ENTRY_BYTES - size));
    isCut ||= kept < bytes.length;
    const part = encodeField(name, wholeCharacters(bytes, kept));
    size += part.length;
    parts.push(part);
  }
  if (isCut) parts.push(encodeField('GANTRY_CUT', Buffer.from('1')));
  return Buffer.concat(parts);
}

/** `msg`, and behind it what was told beside, as `name=value`. Pure. */
export function journalMessage(line: LogLine): string {
  const told = Object.entries(line)
    .filter(([name, value]) => !NOT_SHOWN.has(name) && value !== undefined)
    .map(([name, value]) => [name, shown(value)] as const)
    // what the message says already
    .filter(([name, text]) => name !== 'err' || !String(line['msg'] ?? '').includes(text))
    .map(([name, text]) => `${name}=${/^[^\s"=]+$/.test(text) ? text : JSON.stringify(text)}`);
  return [...(line['msg'] === undefined ? [] : [String(line['msg'])]), ...told].join(' ');
}

function shown(value: unknown): string {
  const isList = Array.isArray(value) && value.every(each => typeof each !== 'object');
  const isError = isRecord(value) && typeof value['message'] === 'string';
  const text = isList ? value.join(',') : isError ? String(value['message']) : asText(value);
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
}

/** The fields of all but the message; of a record each of its own, one level deep. */
function* fieldsOf(line: LogLine): Generator<[name: string, value: string]> {
  for (const [key, value] of Object.entries(line)) {
    if (key === 'level' || key === 'time' || key === 'msg' || value === undefined) continue;
    if (isRecord(value)) {
      for (const [inner, each] of Object.entries(value))
        if (each !== undefined) yield [fieldName(`${key}_${inner}`), asText(each)];
    } else {
      yield [fieldName(key), asText(value)];
    }
  }
}

/** A name that the journal takes: capitals, digits and underscores, beginning with a letter. `waitingFor` is WAITING_FOR. Pure. */
export function fieldName(key: string): string {
  const name = key
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toUpperCase()
    .replaceAll(/[^A-Z0-9]+/g, '_')
    .replaceAll(/^_+|_+$/g, '');
  const isFree = /^[A-Z]/.test(name) && !TAKEN.test(name);
  return (isFree ? name : `${PREFIX}${name}`).slice(0, NAME_CHARACTERS);
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `NAME=value`, or with its length in eight bytes where the value has line breaks of its own. */
function encodeField(name: string, value: Buffer): Buffer {
  if (!value.includes(0x0a)) return Buffer.concat([Buffer.from(`${name}=`), value, Buffer.from('\n')]);
  const head = Buffer.from(`${name}\n`);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(value.length));
  return Buffer.concat([head, length, value, Buffer.from('\n')]);
}

/** At most so many bytes, and no part of a character at the end. */
function wholeCharacters(bytes: Buffer, limit: number): Buffer {
  if (bytes.length <= limit) return bytes;
  let end = limit;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.subarray(0, end);
}
