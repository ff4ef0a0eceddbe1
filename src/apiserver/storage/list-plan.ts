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

/** The number in a resourceVersion; 0 for the empty one. Throws `invalid`. */
export function parseResourceVersion(text: string): number {
  if (text === '') return 0;
  const revision = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(revision))
    throw new StorageError('invalid', `invalid resource version: strconv.ParseUint: parsing "${text}": invalid syntax`);
  return revision;
}
