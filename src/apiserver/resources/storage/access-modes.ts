const SHORT: Readonly<Record<string, string>> = {
  ReadWriteOnce: 'RWO',
  ReadOnlyMany: 'ROX',
  ReadWriteMany: 'RWX',
  ReadWriteOncePod: 'RWOP',
};

/** `RWO,ROX`, each mode once, in the order upstream prints them. */
export function accessModesCell(modes: readonly string[] | undefined): string {
  return Object.entries(SHORT)
    .filter(([mode]) => modes?.includes(mode) === true)
    .map(([, text]) => text)
    .join(',');
}
