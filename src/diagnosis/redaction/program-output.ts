import { LEFT_OUT } from './redacted.ts';

const TIMED_OUT = 'command timed out: ';
const AFTER = ' timed out after ';
/** What a hook said, to the end of the string of JSON or of the line that it is in; that a command timed out, a status and a port that nobody serves are none of its own. */
const HOOK =
  /((?:PostStart|PreStop)Hook(?: of [^\s"\\]{1,80})? failed: )(?!command timed out: \[left out\]|HTTP probe failed with statuscode: \d{3}|dial tcp [\w.:[\]]{1,64}: [\w .:/]{1,80}(?:["\n]|$))(?:[^"\\\n]|\\[^\n])+/g;

/** A text without what programs in containers said when they were hooks, and without the words of commands that timed out, as the kubelet logs them. Linear in its length. Pure. */
export function redactProgramOutput(text: string): string {
  const left = text.includes(TIMED_OUT) ? text.split('\n').map(withoutWords).join('\n') : text;
  return left.replace(HOOK, `$1${LEFT_OUT}`);
}

/** Between the first beginning and the last end of a line, since words may be anything. */
function withoutWords(line: string): string {
  const at = line.indexOf(TIMED_OUT);
  if (at < 0) return line;
  const end = line.lastIndexOf(AFTER);
  const head = line.slice(0, at + TIMED_OUT.length);
  return `${head}${LEFT_OUT}${end < head.length ? '' : line.slice(end)}`;
}
