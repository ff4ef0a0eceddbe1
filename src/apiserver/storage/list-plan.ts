import { goQuote } from '../../api/go-quote.ts';
import { decodeContinue } from './continue-token.ts';
import { StorageError } from './errors.ts';
import type { ListOptions } from './storage.ts';

/** What the parameters of a list ask for. */
export interface ListPlan {
  readonly startKey: string;
  /** Read at this revision; undefined: the newest. */
  readonly exactRevision: number | undefined;
  /** The newest must have come this far. */
  readonly minRevision: number;
  readonly limit: number;
  /** A page of a list that began earlier. */
  readonly continued: boolean;
}

export type ListParameters = Pick<ListOptions, 'limit' | 'continue' | 'resourceVersion' | 'resourceVersionMatch'>;

/** Decides by the table of resourceVersion, resourceVersionMatch, limit and continue. Throws `invalid` for what goes not together. */
export function planList(prefix: string, options: ListParameters): ListPlan {
  const limit = options.limit ?? 0;
  const version = options.resourceVersion ?? '';
  const plan = { startKey: prefix, exactRevision: undefined, minRevision: 0, limit, continued: false };
  if (options.continue !== undefined && options.continue !== '') {
    const token = decodeContinue(options.continue, prefix);
    if (version !== '' && version !== '0')
      throw new StorageError('invalid', 'specifying resource version is not allowed when using continue');
    return { ...plan, startKey: token.startKey, exactRevision: token.revision, continued: true };
  }
  const revision = parseResourceVersion(version);
  if (revision === 0) return plan;
  // a limit without a match asks for exactly that version: so did clients that are older than the match
  if (options.resourceVersionMatch === 'Exact' || (options.resourceVersionMatch === undefined && limit > 0))
    return { ...plan, exactRevision: revision };
  return { ...plan, minRevision: revision };
}

const UINT64_DIGITS = 20;
const MAX_UINT64 = 2n ** 64n - 1n;

/** The number in a resourceVersion; 0 for the empty one. Throws `invalid`. */
export function parseResourceVersion(text: string): number {
  if (text === '') return 0;
  const isNumber = /^\d+$/.test(text);
  if (isNumber && text.length <= UINT64_DIGITS && BigInt(text) <= MAX_UINT64)
    // no revision comes near what a double does not hold
    return Math.min(Number(text), Number.MAX_SAFE_INTEGER);
  const shown = goQuote(text);
  const why = isNumber ? 'value out of range' : 'invalid syntax';
  throw new StorageError(
    'invalid',
    `invalid resource version: resourceVersion: Invalid value: ${shown}: strconv.ParseUint: parsing ${shown}: ${why}`,
  );
}
