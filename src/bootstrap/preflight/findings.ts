import { GantryError } from '../../base/errors.ts';
import type { Finding } from './finding.ts';

/** Those that end the command, and those that are only told; `ignored` names checks in any case, `all` is all of them. */
export function sortFindings(
  findings: readonly Finding[],
  ignored: readonly string[],
): { readonly errors: readonly Finding[]; readonly warnings: readonly Finding[] } {
  const names = ignored.map(name => name.toLowerCase());
  if (names.includes('all') && new Set(names).size > 1)
    throw new GantryError(
      'invalid-argument',
      "ignore-preflight-errors: don't specify individual checks if 'all' is used",
    );
  const isIgnored = ({ check }: Finding): boolean => names.includes('all') || names.includes(check.toLowerCase());
  const errors = findings.filter(finding => finding.severity === 'error' && !isIgnored(finding));
  return { errors, warnings: findings.filter(finding => !errors.includes(finding)) };
}

/** The machine is not fit. Its message has a line for each reason. */
export class PreflightError extends GantryError {
  constructor(errors: readonly Finding[]) {
    super('failed-precondition', preflightMessage(errors));
  }
}

/** A finding in kubeadm's form, with what mends it on a line of its own. */
export function findingLines({ check, message, mend, severity }: Finding): readonly string[] {
  return [
    `\t[${severity.toUpperCase()} ${check}]: ${message}`,
    ...(mend === undefined ? [] : [`\t\tto mend it: ${mend}`]),
  ];
}

/** kubeadm's form of a failed preflight. */
export function preflightMessage(errors: readonly Finding[]): string {
  return [
    '[preflight] Some fatal errors occurred:',
    ...errors.flatMap(findingLines),
    '[preflight] If you know what you are doing, you can make a check non-fatal with `--ignore-preflight-errors=...`',
  ].join('\n');
}
