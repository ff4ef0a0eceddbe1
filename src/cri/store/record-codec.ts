import { GantryError } from '../../base/errors.ts';

/**
 * Records as JSON text. JSON has no 64-bit integers, so a bigint is written as the pair `[64, "<digits>"]`: nothing in a CRI message is an array
 * that begins with a number and goes on with a string, so the pair cannot be mistaken for data.
 */

/** The text of a record, one line; two calls with equal records give equal text. */
export function encodeRecord(record: object): string {
  return `${JSON.stringify(record, (_key, value: unknown) => (typeof value === 'bigint' ? [64, value.toString()] : value))}\n`;
}

/** The last record of a journal that is whole; torn lines do not count. Throws `data-loss` when there is none. */
export function decodeJournal(text: string): unknown {
  for (const line of text.split('\n').reverse()) {
    if (line === '') continue;
    try {
      return decodeRecord(line);
    } catch (error) {
      // a write that was cut off: the record is as the line before says
      if (!(error instanceof SyntaxError)) throw error;
    }
  }
  throw new GantryError('data-loss', 'holds no whole record');
}

/** The value that was encoded. Throws SyntaxError on text that is torn. */
export function decodeRecord(text: string): unknown {
  return JSON.parse(text, (_key, value: unknown) => {
    if (!Array.isArray(value) || value.length !== 2 || value[0] !== 64 || typeof value[1] !== 'string') return value;
    return BigInt(value[1]);
  });
}
