/** Flags, and why each is none here; empty where there is nothing to tell. */
export type FlagReasons = Readonly<Record<string, string>>;

/** One reason for all of `names`. Pure. */
export function becauseOf(why: string, ...names: readonly string[]): FlagReasons {
  return Object.fromEntries(names.map(name => [name, why]));
}

/** Undefined for a name that is not among them. Pure. */
export function reasonFor(name: string, reasons: FlagReasons): string | undefined {
  return Object.hasOwn(reasons, name) ? reasons[name] : undefined;
}
