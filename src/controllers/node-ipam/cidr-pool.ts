import { type Cidr, formatCidr, lastAddress } from '../../base/cidr.ts';

/** Upstream's words. */
export const EXHAUSTED = 'CIDR allocation failed; there are no remaining CIDRs left to allocate in the accepted range';

interface Span {
  readonly first: number;
  readonly last: number;
}

const BITS = { 4: 32, 6: 128 } as const;

/**
 * The networks of one prefix in a range, and which of them are held. A network may be held by several at a time (nodes that were given the same by hand) and
 * is free when all have let go. What was let go of is given out last, as upstream's: the pointer goes round.
 */
export class CidrPool {
  readonly #range: Cidr;
  readonly #prefix: number;
  readonly #size: number;
  readonly #holders = new Map<number, number>();
  /** What holds more than one network at a time: service ranges, nodes from a time of another prefix. */
  readonly #wide = new Set<Span>();
  #next = 0;

  /** `prefix` is at least that of the range; no more than 2^24 networks. */
  constructor(range: Cidr, prefix: number) {
    this.#range = range;
    this.#prefix = prefix;
    this.#size = 2 ** (prefix - range.prefix);
  }

  /** Holds what `cidr` covers, until the returned function is called. Undefined where the two have no address in common. */
  hold(cidr: Cidr): (() => void) | undefined {
    const span = this.#spanOf(cidr);
    if (span === undefined) return undefined;
    if (span.first !== span.last) {
      this.#wide.add(span);
      return () => this.#wide.delete(span);
    }
    const { first } = span;
    this.#holders.set(first, (this.#holders.get(first) ?? 0) + 1);
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      const left = (this.#holders.get(first) ?? 0) - 1;
      if (left > 0) this.#holders.set(first, left);
      else this.#holders.delete(first);
    };
  }

  /** A network that nobody holds, undefined where there is none. It is not held yet. */
  next(): Cidr | undefined {
    let at = this.#next;
    // nobody is passed twice: each step leaves a holder behind
    for (let passed = 0; passed < this.#size; ) {
      const wide = [...this.#wide].find(({ first, last }) => first <= at && at <= last);
      if (wide === undefined && !this.#holders.has(at)) {
        this.#next = (at + 1) % this.#size;
        return this.#network(at);
      }
      const to = (wide?.last ?? at) + 1;
      passed += to - at;
      at = to % this.#size;
    }
    return undefined;
  }

  #network(index: number): Cidr {
    const shift = BigInt(BITS[this.#range.family] - this.#prefix);
    return {
      family: this.#range.family,
      prefix: this.#prefix,
      base: this.#range.base + (BigInt(index) << shift),
    };
  }

  #spanOf(cidr: Cidr): Span | undefined {
    const range = this.#range;
    if (cidr.family !== range.family) return undefined;
    const [from, to] = [cidr.base, lastAddress(cidr)];
    if (to < range.base || from > lastAddress(range)) return undefined;
    const shift = BigInt(BITS[range.family] - this.#prefix);
    const indexOf = (address: bigint): number => Number((address - range.base) >> shift);
    return { first: from < range.base ? 0 : indexOf(from), last: Math.min(this.#size - 1, indexOf(to)) };
  }

  toString(): string {
    return formatCidr(this.#range);
  }
}
