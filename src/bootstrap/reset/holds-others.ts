/** Of the names of others in a directory so many are told. */
const TOLD = 3;

/** Why a directory stays that holds `names`, which others gave: one line, however many they are; undefined where there are none. Pure. */
export function holdsOthers(names: readonly string[]): string | undefined {
  if (names.length === 0) return undefined;
  const more = names.length > TOLD ? ` and ${names.length - TOLD} more` : '';
  return `it holds what Gantry has not made: ${names.slice(0, TOLD).join(', ')}${more}`;
}
