import { getText } from '../../client/get-text.ts';
import type { HealthFacts } from './facts.ts';

/**
 * What a health endpoint of upstream's form says: `ok`, or a line `[-]NAME failed: REASON` for each check that failed among others. A reason that is withheld is left out.
 * Whatever else stands in an answer that is none of success is its reason. Pure.
 */
export function readHealth(ok: boolean, text: string): HealthFacts {
  const failed = [...text.matchAll(/^\[-\](\S+) failed(?:: (.*))?$/gm)].map(([, name = '', reason = '']) =>
    reason === '' || reason === 'reason withheld' ? name : `${name} (${reason})`,
  );
  if (ok) return { healthy: true, failed: [] };
  const other = text.trim().split('\n')[0] ?? '';
  return { healthy: false, failed: failed.length > 0 ? failed : [other === '' ? 'no reason is told' : other] };
}

/** Asks a health endpoint of this machine. Throws where nobody answers. */
export async function askHealth(url: string, signal: AbortSignal): Promise<HealthFacts> {
  const { ok, text } = await getText(url, signal);
  return readHealth(ok, text);
}
