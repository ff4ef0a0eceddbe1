import { createHash, type Hash } from 'node:crypto';
import { Readable } from 'node:stream';

/** All that comes to the end; nothing for a stream that is not there. */
export async function collect(stream: Readable | undefined): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream ?? []) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Length and checksum of all that comes to the end. */
export async function hashOf(stream: Readable | undefined): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of stream ?? []) {
    bytes += (chunk as Buffer).length;
    hash.update(chunk as Buffer);
  }
  return { bytes, sha256: hash.digest('hex') };
}

const BLOCK = 65_521;

/** That many bytes of every value, made as they are read. No two blocks are the same, and their length divides nothing. */
export class Pseudorandom extends Readable {
  readonly #hash: Hash = createHash('sha256');
  #left: number;
  #seed = 1;

  constructor(bytes: number) {
    super({ highWaterMark: BLOCK });
    this.#left = bytes;
  }

  override _read(): void {
    const length = Math.min(BLOCK, this.#left);
    if (length === 0) {
      this.push(null);
      return;
    }
    const block = Buffer.allocUnsafe(length);
    for (let at = 0; at < length; at++) {
      this.#seed = (Math.imul(this.#seed, 1_103_515_245) + 12_345) >>> 0;
      block[at] = this.#seed >>> 16;
    }
    this.#left -= length;
    this.#hash.update(block);
    this.push(block);
  }

  /** Of all that was read; to be asked for once, at the end. */
  sha256(): string {
    return this.#hash.digest('hex');
  }
}
