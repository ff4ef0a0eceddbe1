import type { ApiObject } from '../resources/strategy.ts';
import type { Entry } from './served-resource.ts';

/** What a write answers: what is stored, or would be with `dryRun`. */
export type Written =
  | { readonly kind: 'stored'; readonly entry: Entry }
  | { readonly kind: 'dry'; readonly object: ApiObject };
