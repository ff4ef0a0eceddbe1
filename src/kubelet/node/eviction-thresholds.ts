import { parseQuantity, quantityValue } from '../../api/quantity.ts';
import { invalidArgument } from '../../base/errors.ts';

/** Upstream's hard thresholds. One that is configured drops the others. */
const DEFAULTS: Readonly<Record<string, string>> = {
  'memory.available': '100Mi',
  'nodefs.available': '10%',
  'nodefs.inodesFree': '5%',
};

/** Less than this is pressure: so many, or that share of all. */
export type Threshold = { readonly value: number } | { readonly share: number };

/** By signal: `memory.available`, `nodefs.available`, `nodefs.inodesFree`, `pid.available`. */
export type Thresholds = ReadonlyMap<string, Threshold>;

/**
 * The hard eviction thresholds of a configuration. Throws `invalid-argument` that names what cannot be read. A threshold of 0 or 0% is none.
 */
export function evictionThresholds(configured: Readonly<Record<string, string>> | undefined): Thresholds {
  const given = configured !== undefined && Object.keys(configured).length > 0 ? configured : DEFAULTS;
  const thresholds = new Map<string, Threshold>();
  for (const [signal, text] of Object.entries(given)) {
    const threshold = parse(signal, text);
    if (amountOf(threshold, 1) > 0) thresholds.set(signal, threshold);
  }
  return thresholds;
}

/** How much a threshold is of `total`. */
export function amountOf(threshold: Threshold | undefined, total: number): number {
  if (threshold === undefined) return 0;
  return 'value' in threshold ? threshold.value : Math.floor(threshold.share * total * 1e6) / 1e6;
}

function parse(signal: string, text: string): Threshold {
  const percent = /^(\d+(?:\.\d+)?)%$/.exec(text)?.[1];
  if (percent !== undefined && Number(percent) <= 100) return { share: Number(percent) / 100 };
  try {
    parseQuantity(text);
    return { value: quantityValue(text) };
  } catch {
    throw invalidArgument(`evictionHard: ${signal}: ${JSON.stringify(text)} is neither a quantity nor a percentage`);
  }
}
