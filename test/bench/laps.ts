/** How long each phase of a run took: a phase ends where the next begins. */
export class Laps {
  readonly began = performance.now();
  readonly taken = new Map<string, number>();
  #phase: string;
  #since = this.began;

  constructor(first: string) {
    this.#phase = first;
  }

  /** The first phase begins only now. */
  start(): this {
    this.#since = performance.now();
    return this;
  }

  begin(phase: string): void {
    if (phase === this.#phase) return;
    this.end();
    this.#phase = phase;
  }

  end(): void {
    const now = performance.now();
    this.taken.set(this.#phase, (this.taken.get(this.#phase) ?? 0) + now - this.#since);
    this.#since = now;
  }

  elapsed(): number {
    return performance.now() - this.began;
  }

  get total(): number {
    return [...this.taken.values()].reduce((sum, ms) => sum + ms, 0);
  }
}

/** Those of a command that names its phases in the lines that it prints (`[certs] …`). */
export class PhaseLaps extends Laps {
  line(line: string): void {
    const [, phase] = /^\[([a-z-]+)\]/.exec(line) ?? [];
    if (phase !== undefined)
      this.begin(phase === 'cleanup-node' ? stepOf(line) : phase === 'init' ? 'preflight' : phase);
  }
}

/** What follows a line of the longest phase of reset. */
function stepOf(line: string): string {
  if (line.includes('Stopping the daemons')) return 'cleanup-node: stop the daemon of the node';
  if (line.includes('Stopping ')) return 'cleanup-node: stop the pods';
  if (line.includes('Stopped ')) return 'cleanup-node: stop the other daemons, look, remove';
  return 'cleanup-node: tell what was removed';
}
