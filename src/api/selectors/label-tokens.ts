export interface LabelToken {
  /** `word` is a key, a value, `in` or `notin`: which one its place decides. */
  readonly kind: 'word' | 'operator' | '!' | '(' | ')' | ',' | 'end';
  readonly text: string;
}

const DOUBLE = new Set(['==', '!=']);
const SINGLE: Readonly<Record<string, LabelToken['kind']>> = { '!': '!', '(': '(', ')': ')', ',': ',' };

/** Splits a label selector into tokens, the last of which is `end`. */
export function tokenizeLabelSelector(text: string): readonly LabelToken[] {
  const tokens: LabelToken[] = [];
  // no operator is longer than two: whole runs of symbols, each read again for each of its tokens, would take quadratic time
  const pattern = /[ \t\r\n]+|([=!(),<>]{1,2})|([^=!(),<> \t\r\n]+)/y;
  while (pattern.lastIndex < text.length) {
    const match = pattern.exec(text);
    if (match === null) break;
    const [, symbols, word] = match;
    if (word !== undefined) tokens.push({ kind: 'word', text: word });
    if (symbols !== undefined) {
      const token = firstOperator(symbols);
      tokens.push(token);
      // What follows the operator in the run of symbols is read again.
      pattern.lastIndex -= symbols.length - token.text.length;
    }
  }
  tokens.push({ kind: 'end', text: '' });
  return tokens;
}

function firstOperator(symbols: string): LabelToken {
  const pair = symbols.slice(0, 2);
  const text = DOUBLE.has(pair) ? pair : symbols.charAt(0);
  return { kind: SINGLE[text] ?? 'operator', text };
}
