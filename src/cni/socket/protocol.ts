import { CNI_ERROR, CniError } from '../protocol/error.ts';
import type { CniAnswer } from '../protocol/serve.ts';

/**
 * What the launcher (cni/gantry-bridge, a shell script) and the daemon say to each other. The daemon greets at once: a launcher that got no greeting knows that nobody has
 * taken its call, and does it alone. Then the launcher sends the same line, its variables as netstrings (`5:hello,`: a value cannot end its own frame), and its stdin up to the end
 * of the stream. The answer is `<exit code> <length in bytes>\n<stdout>`, so that one that was cut off is not taken for one.
 */
export const GREETING = 'gantry-cni 1\n';

/** More than a configuration with the list of valid attachments of a node ever has. */
export const MAX_REQUEST_BYTES = 4 << 20;

/** In the order of the frames; the name that the plugin was executed by comes before them. */
const VARIABLES = ['CNI_COMMAND', 'CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME', 'CNI_ARGS', 'CNI_PATH'] as const;

/** Seven digits are enough for the longest request. */
const LENGTH = /^(0|[1-9][0-9]{0,6}):/;

export interface LauncherRequest {
  readonly plugin: string;
  readonly env: Readonly<Record<string, string>>;
  /** The configuration, as it came on stdin. */
  readonly input: string;
}

/** Throws CniError 6 for what no launcher of ours sends. */
export function parseRequest(bytes: Buffer): LauncherRequest {
  if (bytes.length > MAX_REQUEST_BYTES) throw malformed(`is longer than ${MAX_REQUEST_BYTES} bytes`);
  if (bytes.toString('latin1', 0, GREETING.length) !== GREETING)
    throw malformed(`does not begin with "${GREETING.trim()}": the launcher is of another version than the daemon`);
  let at = GREETING.length;
  const next = (name: string): string => {
    const [, digits] = LENGTH.exec(bytes.toString('latin1', at, at + 8)) ?? [];
    if (digits === undefined) throw malformed(`has no length before ${name}`);
    const begin = at + digits.length + 1;
    const end = begin + Number(digits);
    if (bytes[end] !== 0x2c) throw malformed(`has a wrong length for ${name}`);
    at = end + 1;
    return bytes.toString('utf8', begin, end);
  };
  const plugin = next('the name of the plugin');
  const env = Object.fromEntries(VARIABLES.map(name => [name, next(name)]));
  return { plugin, env, input: bytes.toString('utf8', at) };
}

/** The answer as the launcher reads it. */
export function formatAnswer({ output, exitCode }: CniAnswer): string {
  return `${exitCode} ${Buffer.byteLength(output)}\n${output}`;
}

function malformed(what: string): CniError {
  return new CniError(CNI_ERROR.decode, `the call of the launcher ${what}`);
}
