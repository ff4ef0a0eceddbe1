/**
 * The variables of an environment file, by systemd's rules (systemd.exec(5), EnvironmentFile=): comments, quotes, and a backslash before what is meant as it is or before the end
 * of a line. What is no assignment is passed over. The last of several counts. Pure.
 */
export function environmentVariables(text: string): ReadonlyMap<string, string> {
  const variables = new Map<string, string>();
  const lines = text.replaceAll(/\\\n/g, '').split('\n');
  for (let i = 0; i < lines.length; i += 1) {
    const [, name = '', first = ''] = /^\s*([A-Za-z_]\w*)=(.*)$/s.exec(lines[i] ?? '') ?? [];
    if (name === '') continue;
    let read = readValue(first);
    // a quote goes on over lines
    let value = first;
    while (read === undefined && i + 1 < lines.length) {
      i += 1;
      value += `\n${lines[i] ?? ''}`;
      read = readValue(value);
    }
    if (read !== undefined) variables.set(name, read);
  }
  return variables;
}

/** Undefined where a quote is not closed. */
function readValue(text: string): string | undefined {
  let value = '';
  let quote = '';
  let kept = 0;
  for (let i = 0; i < text.length; i += 1) {
    const character = text[i] ?? '';
    const next = text[i + 1];
    if (character === '\\' && quote !== "'" && next !== undefined) {
      // within double quotes it stands before these alone
      if (quote === '"' && !'"\\`$'.includes(next)) value += character;
      value += next;
      i += 1;
      kept = value.length;
    } else if (character === quote) {
      quote = '';
      kept = value.length;
    } else if (quote === '' && (character === '"' || character === "'")) {
      quote = character;
    } else {
      value += character;
      if (quote !== '') kept = value.length;
    }
  }
  if (quote !== '') return undefined;
  return value.slice(0, kept) + value.slice(kept).trimEnd();
}

/** What systemd makes of an ExecStart: `$NAME` alone becomes as many words as are in the variable, `${NAME}` its text; what is not set is empty. Pure. */
export function commandWords(argv: readonly string[], variables: ReadonlyMap<string, string>): readonly string[] {
  return argv.flatMap(word => {
    const [, name] = /^\$([A-Za-z_]\w*)$/.exec(word) ?? [];
    if (name !== undefined) return splitWords(variables.get(name) ?? '');
    return [word.replaceAll(/\$\{([A-Za-z_]\w*)\}/g, (_all, each: string) => variables.get(each) ?? '')];
  });
}

function splitWords(text: string): readonly string[] {
  const words = text.match(/(?:\\.|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[^\s"'\\])+/gs) ?? [];
  return words.map(word =>
    word.replaceAll(/\\(.)|"((?:\\.|[^"\\])*)"|'((?:\\.|[^'\\])*)'/gs, (_all, escaped, double, single) =>
      escaped === undefined ? String(double ?? single).replaceAll(/\\(.)/gs, '$1') : String(escaped),
    ),
  );
}

/** The value of a flag on a command line, `--name=value` or `--name value`: the last of several, as the daemons take it. Pure. */
export function flagValue(words: readonly string[], name: string): string | undefined {
  let value: string | undefined;
  for (const [i, word] of words.entries())
    if (word.startsWith(`--${name}=`)) value = word.slice(name.length + 3);
    else if (word === `--${name}`) value = words[i + 1];
  return value;
}
