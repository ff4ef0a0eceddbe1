import { GantryError } from '../base/errors.ts';
import { bind, type ForeignFunction } from './ffi.ts';

const LIBRARY = 'libnftables.so.1';
const NFT_CTX_DEFAULT = 0;
/** Error texts repeat the whole command; this much says which one. */
const MESSAGE_LIMIT = 400;

/**
 * A libnftables context: what `nft -f` does, in this process (0.02 ms for a small transaction; parsing a large one blocks the loop: 1000 rules take
 * some 40 ms). It belongs to the network namespace in which it was opened. Text is a transaction: all of it takes effect or none.
 */
export class NftContext {
  readonly #context: unknown;
  readonly #calls: Calls;

  private constructor(calls: Calls) {
    this.#calls = calls;
    this.#context = calls.create(NFT_CTX_DEFAULT);
    calls.bufferOutput(this.#context);
    calls.bufferError(this.#context);
  }

  /** Throws `failed-precondition` that names the Debian package when the library is missing. */
  static open(): NftContext {
    return new NftContext(loadCalls());
  }

  /** Runs commands in nft's language and returns what they print. Throws `internal` with nft's reason as one line. */
  run(text: string): string {
    if (this.#calls.run(this.#context, text) !== 0)
      throw new GantryError('internal', `nftables: ${oneLine(this.#calls.error(this.#context))}`);
    return this.#calls.output(this.#context);
  }

  close(): void {
    this.#calls.free(this.#context);
  }
}

/** The names of all tables of this network namespace, as `inet filter`; none where the library is missing, for then nobody here has made any. */
export function listTables(): readonly string[] {
  return withContext(nft =>
    nft
      .run('list tables\n')
      .split('\n')
      .flatMap(line => /^table (\S+ \S+)$/.exec(line.trim())?.[1] ?? []),
  );
}

/** Which of these tables hold chains and not one rule, map or set, as iptables leaves those that it has once made. */
export function emptyTables(names: readonly string[]): readonly string[] {
  return withContext(nft => names.filter(name => isEmptyTable(nft.run(`list table ${name}\n`))));
}

/** Of the text that nft lists a table as: chains with nothing but their hook, whose policy is to accept. Pure. */
export function isEmptyTable(text: string): boolean {
  const lines = text.split('\n').map(line => line.trim());
  return lines.every(line => /^(|#.*|\}|table \S+ \S+ \{|chain \S+ \{|type \S+ hook .*; policy accept;)$/.test(line));
}

function withContext(work: (nft: NftContext) => readonly string[]): readonly string[] {
  let nft: NftContext;
  try {
    nft = NftContext.open();
  } catch (error) {
    if (error instanceof GantryError && error.code === 'failed-precondition') return [];
    throw error;
  }
  try {
    return work(nft);
  } finally {
    nft.close();
  }
}

/** nft's message without the excerpt of the input and the marks under it. */
export function oneLine(message: string): string {
  const lines = message.split('\n').filter(line => line.trim() !== '' && !/^[\s^~]+$/.test(line));
  return lines
    .map(line => line.replace(/^.*?Error: /, '').trim())
    .join(': ')
    .slice(0, MESSAGE_LIMIT);
}

interface Calls {
  readonly create: ForeignFunction;
  readonly free: ForeignFunction;
  readonly bufferOutput: ForeignFunction;
  readonly bufferError: ForeignFunction;
  readonly run: ForeignFunction;
  readonly output: (context: unknown) => string;
  readonly error: (context: unknown) => string;
}

function loadCalls(): Calls {
  try {
    const text = (signature: string): ((context: unknown) => string) =>
      bind(LIBRARY, signature) as unknown as (context: unknown) => string;
    return {
      create: bind(LIBRARY, 'void* nft_ctx_new(uint)'),
      free: bind(LIBRARY, 'void nft_ctx_free(void*)'),
      bufferOutput: bind(LIBRARY, 'int nft_ctx_buffer_output(void*)'),
      bufferError: bind(LIBRARY, 'int nft_ctx_buffer_error(void*)'),
      run: bind(LIBRARY, 'int nft_run_cmd_from_buffer(void*, const char*)'),
      output: text('const char* nft_ctx_get_output_buffer(void*)'),
      error: text('const char* nft_ctx_get_error_buffer(void*)'),
    };
  } catch (error) {
    throw new GantryError(
      'failed-precondition',
      `${LIBRARY} cannot be loaded: install the Debian package libnftables1`,
      {
        cause: error,
      },
    );
  }
}
