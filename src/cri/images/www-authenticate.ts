/** One challenge of a WWW-Authenticate header (RFC 9110 section 11.6.1). The scheme and the parameter names are lower case. */
export interface AuthChallenge {
  readonly scheme: string;
  readonly parameters: Readonly<Record<string, string>>;
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+/;

/** Parses the header; what does not follow the grammar ends the parse, and the challenges before it are returned. Pure. */
export function parseChallenges(header: string): readonly AuthChallenge[] {
  const challenges: { scheme: string; parameters: Record<string, string> }[] = [];
  let rest = header;
  const skip = (pattern: RegExp): void => {
    rest = rest.replace(pattern, '');
  };
  for (;;) {
    skip(/^[\s,]+/);
    const name = TOKEN.exec(rest)?.[0];
    if (name === undefined) return challenges;
    rest = rest.slice(name.length);
    const equals = /^\s*=\s*/.exec(rest)?.[0];
    if (equals === undefined) {
      challenges.push({ scheme: name.toLowerCase(), parameters: {} });
      continue;
    }
    rest = rest.slice(equals.length);
    const quoted = /^"((?:[^"\\]|\\.)*)"/.exec(rest);
    const plain = TOKEN.exec(rest)?.[0];
    const current = challenges.at(-1);
    if (current === undefined || (quoted === null && plain === undefined)) return challenges;
    const raw = quoted?.[0] ?? plain ?? '';
    current.parameters[name.toLowerCase()] = quoted === null ? raw : (quoted[1] ?? '').replace(/\\(.)/g, '$1');
    rest = rest.slice(raw.length);
  }
}
