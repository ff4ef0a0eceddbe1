import { invalidArgument } from '../../base/errors.ts';

/**
 * The text of a drop-in (systemd.unit(5)) that lets a unit with ProtectSystem=strict write to more directories; undefined where there are none. One that is not there is passed
 * over: what is missing then the daemon says better. Throws `invalid-argument` for a path that no unit can be given. Pure.
 */
export function dropInText(writes: readonly string[] = []): string | undefined {
  if (writes.length === 0) return undefined;
  return `# Written by gantry init: directories that are not in their default places.\n[Service]\nReadWritePaths=${writes.map(writablePath).join(' ')}\n`;
}

/** Specifiers begin with a percent sign; words are quoted as a shell's. */
function writablePath(path: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(path))
    throw invalidArgument(`${JSON.stringify(path)} has a control character, which no unit can be given`);
  const text = `-${path}`.replaceAll('%', '%%');
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
}
