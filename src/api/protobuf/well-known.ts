import { errorMessage, invalidArgument } from '../../base/errors.ts';
import { scanJson } from '../decode/json/scan.ts';
import { formatDuration, parseDuration } from '../duration.ts';
import { canonicalQuantity } from '../quantity.ts';
import { rawJson } from '../raw-text.ts';
import { remembered } from '../remembered.ts';
import type { ScalarName } from '../schema/scalars.ts';
import type { Reader } from './reader.ts';
import type { BackwardWriter } from './writer.ts';

/**
 * The scalars that are messages in protobuf: what stands inside the message, without its length. Field numbers are those
 * of upstream's generated.proto files (apimachinery meta/v1, api/resource, util/intstr, runtime).
 */
export interface MessageScalar {
  readonly write: (writer: BackwardWriter, value: unknown) => void;
  /** Reads to the end of the message; undefined for Go's zero value where that has no JSON form but null. */
  readonly read: (reader: Reader) => unknown;
}

const MICROS = /\.(\d{6})Z$/;

const quantityText = remembered(canonicalQuantity);
const timeSeconds = remembered((text: string) => Math.floor(Date.parse(`${text.slice(0, 19)}Z`) / 1000));

/** Timestamp: seconds 1, nanos 2; no bytes at all for the zero time. */
function writeTime(writer: BackwardWriter, value: unknown): void {
  if (typeof value !== 'string') return;
  // Only a MicroTime has a fraction: upstream's Time is cut to seconds on the wire.
  const micros = Number(MICROS.exec(value)?.[1] ?? 0);
  writer.varint(micros * 1000);
  writer.varint(0x10);
  writer.signed(timeSeconds(value));
  writer.varint(0x08);
}

function readTime(fraction: boolean) {
  return (reader: Reader): string | undefined => {
    if (reader.at >= reader.end) return undefined;
    let seconds = 0;
    let nanos = 0;
    while (reader.at < reader.end) {
      const tag = reader.unsigned();
      if (tag === 0x08) seconds = reader.signed();
      else if (tag === 0x10) nanos = reader.int32();
      else reader.skip(tag & 7);
    }
    // Nanoseconds may be below zero or more than a second.
    const whole = Math.floor(nanos / 1e9);
    const text = secondText(seconds + whole);
    const micros = Math.floor((nanos - whole * 1e9) / 1000);
    return fraction ? `${text}.${String(micros).padStart(6, '0')}Z` : `${text}Z`;
  };
}

const secondText = remembered((seconds: number): string => {
  const date = new Date(seconds * 1000);
  // A year that JSON cannot write would come back as another; upstream's encoder fails on it too.
  return Number.isNaN(date.getTime()) || date.getUTCFullYear() > 9999 || date.getUTCFullYear() < 0
    ? '0001-01-01T00:00:00'
    : date.toISOString().slice(0, 19);
});

/** A message whose only field is number 1. */
function single<T>(
  tag: number,
  write: (writer: BackwardWriter, value: unknown) => void,
  read: (reader: Reader) => T,
  zero: T,
): MessageScalar {
  return {
    write: (writer, value) => {
      if (value === undefined) return;
      write(writer, value);
      writer.varint(tag);
    },
    read: reader => {
      let value = zero;
      while (reader.at < reader.end) {
        const found = reader.unsigned();
        if (found === tag) value = read(reader);
        else reader.skip(found & 7);
      }
      return value;
    },
  };
}

const INT_OR_STRING: MessageScalar = {
  write: (writer, value) => {
    const isText = typeof value === 'string';
    writer.text(isText ? value : '');
    writer.varint(0x1a);
    writer.signed(typeof value === 'number' ? value : 0);
    writer.varint(0x10);
    writer.varint(isText ? 1 : 0);
    writer.varint(0x08);
  },
  read: reader => {
    let isText = false;
    let number = 0;
    let text = '';
    while (reader.at < reader.end) {
      const tag = reader.unsigned();
      if (tag === 0x08) isText = reader.unsigned() === 1;
      else if (tag === 0x10) number = reader.int32();
      else if (tag === 0x1a) text = reader.text();
      else reader.skip(tag & 7);
    }
    return isText ? text : number;
  },
};

/** As for JSON bodies: what walks an object later does so by recursion. */
const MAX_JSON_DEPTH = 1000;

function parseJson(text: string): unknown {
  if (scanJson(text).depth > MAX_JSON_DEPTH) throw invalidArgument('an embedded object exceeded max depth');
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw invalidArgument(`an embedded object is no JSON: ${errorMessage(error)}`);
  }
}

/** As Go's clients write JSON: they compare it byte by byte with what they would have written (`kubectl rollout undo` does). */
function escaped(json: string): string {
  return json.replaceAll(/[<>&\u2028\u2029]/g, each => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

const RAW_JSON = single<unknown>(
  0x0a,
  (writer, value) => writer.text(escaped(rawJson(value) ?? 'null')),
  reader => {
    const text = reader.text();
    return text === '' ? undefined : parseJson(text);
  },
  undefined,
);

const TIME: MessageScalar = { write: writeTime, read: readTime(false) };

export const MESSAGE_SCALARS: ReadonlyMap<ScalarName, MessageScalar> = new Map<ScalarName, MessageScalar>([
  [
    'Quantity',
    single(
      0x0a,
      (writer, value) => writer.text(String(value)),
      reader => quantityText(reader.text()),
      '0',
    ),
  ],
  ['IntOrString', INT_OR_STRING],
  ['Time', TIME],
  ['MicroTime', { write: writeTime, read: readTime(true) }],
  [
    'Duration',
    single(
      0x08,
      (writer, value) => writer.signed(Number(parseDuration(String(value)))),
      reader => formatDuration(BigInt(reader.signed())),
      '0s',
    ),
  ],
  ['RawJson', RAW_JSON],
]);
