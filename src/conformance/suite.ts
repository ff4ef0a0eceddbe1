import { invalidArgument } from '../base/errors.ts';
import type { Check } from './check.ts';
import { AREAS } from './check.ts';
import { DNS_CHECKS } from './checks/dns.ts';
import { LIMIT_CHECKS } from './checks/limits.ts';
import { NETWORK_CHECKS } from './checks/network.ts';
import { POD_CHECKS } from './checks/pods.ts';
import { PROBE_CHECKS } from './checks/probes.ts';
import { RESTART_CHECKS } from './checks/restarts.ts';
import { SERVICE_CHECKS } from './checks/services.ts';
import { VOLUME_CHECKS } from './checks/volumes.ts';

/** All checks, area by area. */
export const NODE_SUITE: readonly Check[] = [
  ...POD_CHECKS,
  ...PROBE_CHECKS,
  ...LIMIT_CHECKS,
  ...VOLUME_CHECKS,
  ...NETWORK_CHECKS,
  ...SERVICE_CHECKS,
  ...DNS_CHECKS,
  ...RESTART_CHECKS,
];

/** `area: sentence`, by which a check is named in reports and chosen. */
export const titleOf = ({ area, name }: Check): string => `${area}: ${name}`;

/**
 * The checks whose title has `focus` in it and not `skip`; each is an area, a part of a title, or a regular expression. Throws `invalid-argument` for an expression that is none,
 * and where nothing is left.
 */
export function chooseChecks(
  all: readonly Check[],
  focus: string | undefined,
  skip: string | undefined,
): readonly Check[] {
  const wanted = expressionOf('--focus', focus);
  const unwanted = expressionOf('--skip', skip);
  const chosen = all.filter(check => wanted?.test(titleOf(check)) !== false && unwanted?.test(titleOf(check)) !== true);
  if (chosen.length === 0)
    throw invalidArgument(
      `no check is left by --focus and --skip: they choose by area (${AREAS.join(', ')}) or words of a name; --list shows all`,
    );
  return chosen;
}

function expressionOf(flag: string, text: string | undefined): RegExp | undefined {
  if (text === undefined) return undefined;
  try {
    return new RegExp(text);
  } catch {
    throw invalidArgument(`${flag}: ${JSON.stringify(text)} is no regular expression`);
  }
}
