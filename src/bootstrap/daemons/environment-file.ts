import { internalError, invalidArgument } from '../../base/errors.ts';
import { CONTROL_PLANE_SERVICE, CRI_SERVICE, ETCD_SERVICE, NODE_SERVICE, type ServiceUnit } from '../services.ts';

/** The one variable of a unit's environment file: its ExecStart names it without braces, so that systemd makes words of it. */
export const ARGUMENTS_VARIABLE = 'GANTRY_ARGS';

/** What stands in the ExecStart of each unit (systemd/NAME.service) before its arguments; undefined for etcd, which has no words of its own there. */
const ROLES: Readonly<Record<string, string | undefined>> = {
  [ETCD_SERVICE]: undefined,
  [CONTROL_PLANE_SERVICE]: 'control-plane',
  [CRI_SERVICE]: 'cri',
  [NODE_SERVICE]: 'node',
};

/** The arguments that a unit's ExecStart lacks: `gantry run cri --a` is `--a` for gantry-cri. Throws `internal` for a command that is not the unit's. Pure. */
export function unitArguments({ name, argv }: ServiceUnit): readonly string[] {
  if (!Object.hasOwn(ROLES, name)) throw internalError(`there is no unit ${name}.service`);
  const role = ROLES[name];
  if (role === undefined) return argv.slice(1);
  const run = argv.indexOf('run');
  if (run < 0 || argv[run + 1] !== role)
    throw internalError(`${name}.service runs "gantry run ${role}", not "${argv.join(' ')}"`);
  return argv.slice(run + 2);
}

/**
 * The text of a unit's environment file (systemd.exec(5), EnvironmentFile=). Two layers of quotes: systemd reads the value out of double quotes as a shell would,
 * and then makes words of it by its own rules (systemd.service(5)), in which a backslash stands before what is meant as it is. The file has the same text for the same
 * words. A digest of what the daemon reads beside is kept as a comment. Throws `invalid-argument` for a control character, of which systemd would drop the whole variable. Pure.
 */
export function environmentFile(args: readonly string[], configuration?: string): string {
  const read = configuration === undefined ? '' : `# Its configuration: ${configuration}\n`;
  return `# Written by gantry init and gantry join. Further arguments go into /etc/default, as GANTRY_EXTRA_ARGS.\n${read}${ARGUMENTS_VARIABLE}="${shellEscape(args.map(quoteWord).join(' '))}"\n`;
}

/** What needs no quotes: everything that stands in the flags of daemons on a usual day. */
const PLAIN_WORD = /^[\w@%+=:,./*[\]-]+$/;

function quoteWord(word: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\u0000-\u0008\u000b-\u001f\u007f]/.test(word))
    throw invalidArgument(`${JSON.stringify(word)} has a control character, which no unit can be given`);
  return PLAIN_WORD.test(word) ? word : `"${word.replaceAll(/["\\]/g, '\\$&')}"`;
}

function shellEscape(value: string): string {
  return value.replaceAll(/["\\`$]/g, '\\$&');
}
