/**
 * The text without the characters `char` at its end: Go's TrimRight. Takes linear time; `/x+$/` takes quadratic time on a long run of them that
 * stands elsewhere, and clients choose the texts.
 */
export function trimEnd(text: string, char: string): string {
  let end = text.length;
  while (end > 0 && text[end - 1] === char) end -= 1;
  return text.slice(0, end);
}
