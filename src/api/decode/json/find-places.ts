import { endOfString } from './scan.ts';

/** Places of a JSON text that are looked for only where scanJson says that there is something to find. */
export interface JsonPlaces {
  /** Paths of names that stand twice in one object, each once, in the order of the text. */
  readonly duplicates: readonly (readonly (string | number)[])[];
  /** Numbers with a fraction or an exponent as they are written, by path (pathText). */
  readonly fractions: ReadonlyMap<string, string>;
  /** Where each of `watched` stands first, by path (pathText). */
  readonly firsts: ReadonlyMap<string, number>;
  /** Where each of `duplicates` stands the second time. */
  readonly seconds: readonly number[];
}

const NOTHING_WATCHED: ReadonlySet<string> = new Set();

/** More duplicates than this are not collected, as upstream collects no more strict errors. */
const MAX_DUPLICATES = 100;

/**
 * Nothing deeper has a type, so what is written there is no matter; the path of each number and name of a large text that is nested deep would be megabytes
 * of paths.
 */
const MAX_PLACE_DEPTH = 1000;

interface Level {
  /** The names of an object so far; undefined for a list. */
  readonly names: Set<string> | undefined;
}

/** Reads a text that JSON.parse has taken. `watched` are paths of names whose place is asked for. */
export function findPlaces(text: string, watched: ReadonlySet<string> = NOTHING_WATCHED): JsonPlaces {
  const firsts = new Map<string, number>();
  const seconds: number[] = [];
  const duplicates: (string | number)[][] = [];
  const fractions = new Map<string, string>();
  const seen = new Set<string>();
  const levels: Level[] = [];
  const path: (string | number)[] = [];
  const number = /-?\d[\d.eE+-]*/y;
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at);
    const level = levels.at(-1);
    if (char === 0x22) {
      const end = endOfString(text, at);
      if (level?.names !== undefined && isName(text, end + 1)) {
        const name = unquote(text.slice(at, end + 1));
        path[path.length - 1] = name;
        if (
          level.names.has(name) &&
          duplicates.length < MAX_DUPLICATES &&
          path.length <= MAX_PLACE_DEPTH &&
          !seen.has(pathText(path))
        ) {
          duplicates.push([...path]);
          seconds.push(at);
          seen.add(pathText(path));
        }
        level.names.add(name);
        if (watched.size > firsts.size && watched.has(pathText(path)) && !firsts.has(pathText(path)))
          firsts.set(pathText(path), at);
      }
      at = end;
    } else if (char === 0x7b || char === 0x5b) {
      levels.push({ names: char === 0x7b ? new Set() : undefined });
      path.push(char === 0x7b ? '' : 0);
    } else if (char === 0x7d || char === 0x5d) {
      levels.pop();
      path.pop();
    } else if (char === 0x2c && level?.names === undefined) {
      path[path.length - 1] = Number(path.at(-1)) + 1;
    } else if (char === 0x2d || (char >= 0x30 && char <= 0x39)) {
      number.lastIndex = at;
      const source = number.exec(text)?.[0] ?? '';
      if (path.length <= MAX_PLACE_DEPTH && /[.eE]/.test(source)) fractions.set(pathText(path), source);
      at += Math.max(source.length, 1) - 1;
    }
  }
  return { duplicates, fractions, firsts, seconds };
}

/** A string is a name where a colon follows it. */
function isName(text: string, from: number): boolean {
  let at = from;
  while (text.charCodeAt(at) <= 0x20) at++;
  return text.charCodeAt(at) === 0x3a;
}

function unquote(source: string): string {
  return source.includes('\\') ? (JSON.parse(source) as string) : source.slice(1, -1);
}

/** `spec.containers[0].image`, as upstream writes paths in strict decoding errors. */
export function pathText(path: readonly (string | number)[]): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else text += text === '' ? step : `.${step}`;
  }
  return text;
}
