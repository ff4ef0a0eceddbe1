/** How long each phase of a command took, by the lines that it prints (`[certs] …`): a phase ends where the next begins. */
export class PhaseLaps {
  readonly taken = new Map<string, number>();
  #phase: string;
  #since = performance.now();

  constructor(first: string) {
    this.#phase = first;
  }

  /** From now on. */
  start(): this {
    this.#since = performance.now();
    return this;
  }

  line(line: string): void {
    const [, phase] = /^\[([a-z-]+)\]/.exec(line) ?? [];
    if (phase !== undefined)
      this.begin(phase === 'cleanup-node' ? stepOf(line) : phase === 'init' ? 'preflight' : phase);
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

  get total(): number {
    return [...this.taken.values()].reduce((sum, ms) => sum + ms, 0);
  }
}

/** What follows a line of the longest phase of reset. */
function stepOf(line: string): string {
  if (line.includes('Stopping the daemons')) return 'cleanup-node: stop the daemon of the node';
  if (line.includes('Stopping ')) return 'cleanup-node: stop the pods';
  if (line.includes('Stopped ')) return 'cleanup-node: stop the other daemons, look, remove';
  return 'cleanup-node: tell what was removed';
}
