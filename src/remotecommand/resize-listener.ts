import type { TerminalSize } from './remote-command.ts';

/** Keeps the last size for a listener that comes later. */
export class ResizeListener {
  #listener: ((size: TerminalSize) => void) | undefined;
  #last: TerminalSize | undefined;

  tell(size: TerminalSize): void {
    this.#last = size;
    this.#listener?.(size);
  }

  listen(listener: (size: TerminalSize) => void): void {
    this.#listener = listener;
    if (this.#last !== undefined) listener(this.#last);
  }
}
