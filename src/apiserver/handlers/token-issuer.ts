import type { KeyObject } from 'node:crypto';

/** Signs tokens of service accounts. */
export interface TokenIssuer {
  readonly issuer: string;
  readonly key: KeyObject;
  /** For who does not say otherwise. */
  readonly audiences: readonly string[];
}
