/**
 * Replaces `$(NAME)` by what `lookup` says. A name that is not known stays as it is written, `$$` is one `$`, and a `$` before anything else is
 * itself: the rules of the API for env values, command and args.
 */
export function expand(text: string, lookup: (name: string) => string | undefined): string {
  let out = '';
  let i = 0;
  while (i < text.length) {
    if (text[i] !== '$' || i + 1 >= text.length) {
      out += text[i];
      i += 1;
      continue;
    }
    const next = text[i + 1];
    if (next === '$') {
      out += '$';
      i += 2;
      continue;
    }
    const end = next === '(' ? text.indexOf(')', i + 2) : -1;
    if (end < 0) {
      out += `$${next}`;
      i += 2;
      continue;
    }
    const name = text.slice(i + 2, end);
    out += lookup(name) ?? `$(${name})`;
    i = end + 1;
  }
  return out;
}
