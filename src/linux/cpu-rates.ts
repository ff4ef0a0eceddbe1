/** A reading of a counter of CPU time. */
export interface CpuReading {
  /** Nanoseconds of CPU time since the counter began. */
  readonly used: bigint;
  /** When it was read: nanoseconds, on any clock that the readings share. */
  readonly at: bigint;
}

/** Closer readings say more about the scheduler's ticks than about the program. */
const MIN_WINDOW = 1_000_000_000n;

/**
 * CPU time per second, from the readings that are asked for anyhow: over the time since the last one that is at least a second old. Nothing is read for its own sake, so a
 * counter that nobody has asked for before has no rate yet.
 */
export class CpuRates {
  readonly #known = new Map<string, { reading: CpuReading; rate: bigint | undefined }>();

  /** Nanoseconds of CPU time per second; undefined until there are two readings a second apart, and after a counter that began anew. */
  take(key: string, reading: CpuReading): bigint | undefined {
    const known = this.#known.get(key);
    if (known !== undefined && reading.used >= known.reading.used) {
      const window = reading.at - known.reading.at;
      if (window >= 0n && window < MIN_WINDOW) return known.rate;
      if (window > 0n) {
        const rate = ((reading.used - known.reading.used) * 1_000_000_000n) / window;
        this.#known.set(key, { reading, rate });
        return rate;
      }
    }
    this.#known.set(key, { reading, rate: undefined });
    return undefined;
  }

  /** Forgets all others. */
  keep(keys: ReadonlySet<string>): void {
    for (const key of this.#known.keys()) if (!keys.has(key)) this.#known.delete(key);
  }
}
