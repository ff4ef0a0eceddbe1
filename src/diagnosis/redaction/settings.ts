import { LEFT_OUT, REDACTED } from './redacted.ts';
import { isSecretName } from './secret-names.ts';
import { redactText } from './text.ts';

/** Variables whose value is shown, without credentials: those of Gantry, which hold its flags, and of proxies. */
const SHOWN_VARIABLE = /^(?:GANTRY_[A-Z_]+|(?:https?|all|ftp|no)_proxy)$/i;
/** Programs whose arguments are shown: their credentials are in files. */
const OUR_PROGRAM = /^[-@:+!|]*(?:\/usr)?(?:\/local)?\/(?:bin|sbin|lib\/gantry)\/(?:gantry|etcd)$/;
/** A line goes on in the next one. */
const GOES_ON = /\\\r?\n/g;

/**
 * A unit file of systemd, a drop-in or a file of variables (KEY=value in lines) without what somebody may have written there: of variables their names alone but for those of Gantry and of proxies, of commands of
 * others the program alone, no comments but those that name a file. Everything else as `redactText` leaves it. In a file of variables no name is a field of units. Pure.
 */
export function redactSettings(text: string, kind: 'unit' | 'variables'): string {
  const lines = text.replaceAll(GOES_ON, ' ').split('\n');
  return redactText(lines.map(line => shownLine(line, kind)).join('\n'));
}

function shownLine(line: string, kind: 'unit' | 'variables'): string {
  const text = line.trim();
  if (text === '' || /^\[[\w-]{1,40}\]$/.test(text)) return text;
  if (/^[#;]/.test(text)) return /^# \/\S{1,256}$/.test(text) ? text : `# ${LEFT_OUT}`;
  const equals = text.indexOf('=');
  const name = (equals < 0 ? '' : text.slice(0, equals)).replace(/^export /, '').trim();
  // the rest of a value of several lines, or nothing that is known
  if (!/^[\w-]{1,128}$/.test(name)) return LEFT_OUT;
  const value = text.slice(equals + 1).trim();
  if (value === '') return `${name}=`;
  if (kind === 'variables') return shownVariable(text);
  if (name === 'Environment' || name === 'PassEnvironment' || name === 'UnsetEnvironment')
    return `${name}=${wordsOf(value).map(shownVariable).join(' ')}`;
  if (/^Exec[A-Z]/.test(name)) return `${name}=${shownCommand(value)}`;
  if (/^[A-Z][a-z]/.test(name) && !isSecretName(name)) return `${name}=${name === 'Description' ? LEFT_OUT : value}`;
  return shownVariable(text);
}

function shownVariable(word: string): string {
  const equals = word.indexOf('=');
  if (equals < 0) return /^\w{1,128}$/.test(word) ? word : LEFT_OUT;
  const name = word.slice(0, equals).replace(/^export /, '');
  if (!/^\w{1,128}$/.test(name)) return LEFT_OUT;
  return `${name}=${SHOWN_VARIABLE.test(name) ? word.slice(equals + 1) : REDACTED}`;
}

function shownCommand(command: string): string {
  const [program = '', ...words] = wordsOf(command);
  if (!/^[-@:+!|]*\/[\w./-]{1,256}$/.test(program)) return LEFT_OUT;
  if (words.length === 0) return program;
  return OUR_PROGRAM.test(program) ? `${program} ${words.join(' ')}` : `${program} ${LEFT_OUT}`;
}

/** The words of a line, those in quotes without them. */
function wordsOf(text: string): readonly string[] {
  return [...text.matchAll(/"((?:[^"\\]|\\.)*)"?|'([^']*)'?|[^\s"']+/g)].map(
    ([whole, double, single]) => double ?? single ?? whole,
  );
}
