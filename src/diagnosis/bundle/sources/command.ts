import { errnoName, errorMessage } from '../../../base/errors.ts';
import { runCommand } from '../../../linux/command.ts';
import { type BundleItem, MOST_BYTES } from '../item.ts';

const COMMAND_MS = 8000;

/** What a program says, its beginning or its end where it says too much. A program that is not there, fails or hangs is told as missing. */
export async function commandItem(
  path: string,
  argv: readonly string[],
  signal: AbortSignal,
  keep: 'beginning' | 'end' = 'beginning',
): Promise<BundleItem> {
  const [program = '', ...args] = argv;
  const tail = new Tail(MOST_BYTES);
  try {
    const { code, stdout, stderr, truncated } = await runCommand(program, args, {
      signal,
      timeoutMs: COMMAND_MS,
      maxOutputBytes: MOST_BYTES,
      ...(keep === 'end' ? { onStdout: (chunk: Buffer) => tail.add(chunk) } : {}),
    });
    const said = keep === 'end' ? tail.text() : stdout.toString('utf8');
    if (code !== 0 && said === '')
      return { path, missing: `${argv.join(' ')} ended with code ${code}: ${errorMessage(stderr.toString('utf8'))}` };
    const cut =
      keep === 'end' && tail.dropped
        ? { cut: `only its last ${MOST_BYTES} bytes are here` }
        : truncated
          ? { cut: `only its first ${MOST_BYTES} bytes are here` }
          : {};
    return { path, text: said, ...cut };
  } catch (error) {
    signal.throwIfAborted();
    return {
      path,
      missing: errnoName(error) === 'ENOENT' ? `${program} is not installed` : errorMessage(error),
    };
  }
}

/** The last bytes of what comes, from the beginning of a line on. */
export class Tail {
  readonly #most: number;
  #chunks: Buffer[] = [];
  #size = 0;
  dropped = false;

  constructor(most: number) {
    this.#most = most;
  }

  add(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    while (this.#size - (this.#chunks[0]?.length ?? 0) >= this.#most) {
      this.#size -= this.#chunks.shift()?.length ?? 0;
      this.dropped = true;
    }
  }

  text(): string {
    const whole = Buffer.concat(this.#chunks);
    if (!this.dropped && whole.length <= this.#most) return whole.toString('utf8');
    this.dropped = true;
    const end = whole.subarray(Math.max(0, whole.length - this.#most));
    return end.subarray(end.indexOf(10) + 1).toString('utf8');
  }
}
