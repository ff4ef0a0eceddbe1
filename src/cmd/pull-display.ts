import type { PullProgress } from '../rpc/gen/gantry/images/v1/images.ts';

/** Where no terminal is, so long passes at least between two lines. */
const LINES_MS = 10_000;

type Layers = Omit<PullProgress, 'id'>;

/** How far a pull is, on one line: `3 of 8 layers, 120.5 of 300.0 MB, 45.2 MB/s`. `bytesPerSecond` undefined for not known yet. Pure. */
export function pullLine(progress: Layers, bytesPerSecond: number | undefined): string {
  const { layersDone, layersTotal, bytesDone, bytesTotal } = progress;
  const rate = bytesPerSecond === undefined ? '' : `, ${inMegabytes(bytesPerSecond)} MB/s`;
  return `${layersDone} of ${layersTotal} layers, ${inMegabytes(bytesDone)} of ${inMegabytes(bytesTotal)} MB${rate}`;
}

function inMegabytes(bytes: bigint | number): string {
  return (Number(bytes) / 1e6).toFixed(1);
}

/** Shows how far a pull is: on a terminal as one line that changes, elsewhere as a line now and then, so that a log of it stays short. */
export class PullDisplay {
  readonly #output: Pick<NodeJS.WriteStream, 'isTTY' | 'write'>;
  readonly #now: () => number;
  readonly #began: { readonly at: number; bytes: bigint | undefined };
  #written: number;
  #isOpen = false;

  /** `now` is in milliseconds. */
  constructor(output: Pick<NodeJS.WriteStream, 'isTTY' | 'write'>, now: () => number) {
    this.#output = output;
    this.#now = now;
    this.#began = { at: now(), bytes: undefined };
    this.#written = now();
  }

  /** Before the layers are known, and where none had to be looked at, there is nothing to show. */
  show(progress: Layers): void {
    if (progress.layersTotal === 0) return;
    const now = this.#now();
    // Layers that were there before are no speed.
    this.#began.bytes ??= progress.bytesDone;
    const seconds = (now - this.#began.at) / 1000;
    const rate = seconds < 1 ? undefined : Number(progress.bytesDone - this.#began.bytes) / seconds;
    if (this.#output.isTTY) {
      this.#output.write(`\r${pullLine(progress, rate)}\x1b[K`);
      this.#isOpen = true;
    } else if (now - this.#written >= LINES_MS) {
      this.#output.write(`${pullLine(progress, rate)}\n`);
      this.#written = now;
    }
  }

  /** Ends the line that changes, also before an error is told. */
  end(): void {
    if (this.#isOpen) this.#output.write('\n');
    this.#isOpen = false;
  }
}
