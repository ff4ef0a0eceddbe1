const ID_PATTERN = /^[a-f0-9]{64}$/;

/** True for a whole sandbox or container id as this program hands them out (64 lower-case hex digits): safe to use as one path segment. */
export function isWholeId(text: string): boolean {
  return ID_PATTERN.test(text);
}
