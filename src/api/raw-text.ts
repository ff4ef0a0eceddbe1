/**
 * JSON inside an object that is kept as the text that it came in. Most of an object's managers are such: nobody but who tracks them looks inside, and each
 * has hundreds of names of its own, which are slow to parse.
 */
export class RawText {
  /** Valid JSON. */
  readonly text: string;
  #value: unknown;

  private constructor(text: string) {
    this.text = text;
  }

  /** Of JSON that was made here. */
  static ofJson(text: string): RawText {
    return KNOWN.get(text) ?? remember(new RawText(text));
  }

  /** Throws SyntaxError for what is no JSON. The same text gives the same object mostly: thousands of pods have the same managers. */
  static parse(text: string): RawText {
    const known = KNOWN.get(text);
    if (known !== undefined) return known;
    const raw = new RawText(text);
    raw.#value = JSON.parse(text);
    return remember(raw);
  }

  get value(): unknown {
    this.#value ??= JSON.parse(this.text);
    return this.#value;
  }

  toJSON(): unknown {
    return this.value;
  }
}

const KNOWN = new Map<string, RawText>();
const MAX_KNOWN = 1024;
/** Longer texts are seldom the same. */
const MAX_LENGTH = 8192;

function remember(raw: RawText): RawText {
  if (raw.text.length > MAX_LENGTH) return raw;
  const [oldest] = KNOWN.keys();
  if (KNOWN.size >= MAX_KNOWN && oldest !== undefined) KNOWN.delete(oldest);
  KNOWN.set(raw.text, raw);
  return raw;
}

/** The JSON value, whichever way it is kept. */
export function rawValue(value: unknown): unknown {
  return value instanceof RawText ? value.value : value;
}

/** Its text. */
export function rawJson(value: unknown): string | undefined {
  return value instanceof RawText ? value.text : JSON.stringify(value);
}
