/**
 * Why a runtime cannot checkpoint, from what its `--version` prints; undefined where it can. crun tells what it is built with, runc always can; of others nobody knows whether
 * they take runc's options. Pure.
 */
export function checkpointRefusal(version: string): string | undefined {
  if (/^runc version /m.test(version)) return undefined;
  const name = /^(\S+) version /m.exec(version)?.[1] ?? 'its OCI runtime';
  if (name !== 'crun') return `${name} is not known to make checkpoints with CRIU`;
  return /^(?=\+).*\+CRIU\b/m.test(version)
    ? undefined
    : 'crun is built without CRIU here; runc can, as runtime handler';
}

/** What a runtime says of its failure, without the path of a log that is gone when somebody reads this. Pure. */
export function withoutLogPath(message: string): string {
  return message.replace(/\s*log file: \S+/, '');
}

const SHOWN_LINES = 3;
const SHOWN_CHARACTERS = 600;

/** What CRIU says of its failure in its log, in one line: its last errors, or else its last lines. Empty for an empty log. Pure. */
export function dumpLogEnd(log: string): string {
  const lines = log
    .split('\n')
    .map(line => line.replace(/^\(\d+\.\d+\)\s*/, '').trim())
    .filter(line => line !== '');
  const errors = lines.filter(line => line.startsWith('Error '));
  const shown = (errors.length > 0 ? errors : lines).slice(-SHOWN_LINES).join('; ').replace(/\s+/g, ' ');
  return shown.length > SHOWN_CHARACTERS ? `…${shown.slice(-SHOWN_CHARACTERS)}` : shown;
}
