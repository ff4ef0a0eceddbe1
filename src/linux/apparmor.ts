import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { failedPrecondition } from '../base/errors.ts';
import { runCommand } from './command.ts';

const PROFILES = '/sys/kernel/security/apparmor/profiles';
const REMOVE = '/sys/kernel/security/apparmor/.remove';
const MACROS = '/etc/apparmor.d';
/** The parser compiles the profile: a second on a small machine. */
const PARSER_TIMEOUT_MS = 30_000;

/** True where the kernel confines by AppArmor. */
export function appArmorEnabled(): boolean {
  const parameter = '/sys/module/apparmor/parameters/enabled';
  return existsSync(parameter) && readFileSync(parameter, 'utf8').startsWith('Y');
}

/** True where besides profiles can be loaded. */
export function appArmorIsUsable(): boolean {
  return appArmorEnabled() && existsSync(PROFILES) && parser() !== undefined;
}

/** Names of the profiles that the kernel has now; none without AppArmor. `text` is that file's. */
export function loadedAppArmorProfiles(
  text = existsSync(PROFILES) ? readFileSync(PROFILES, 'utf8') : '',
): ReadonlySet<string> {
  return new Set(text.split('\n').flatMap(line => /^(.*) \([a-z]+\)$/.exec(line)?.[1] ?? []));
}

/** Which of these files below /etc/apparmor.d there are, for a profile to include. */
export function appArmorMacros(names: readonly string[]): ReadonlySet<string> {
  return new Set(names.filter(name => existsSync(`${MACROS}/${name}`)));
}

/** Loads a profile, or replaces the one of its name. Throws the parser's message. Idempotent. */
export async function loadAppArmorProfile(text: string): Promise<void> {
  const result = await runCommand(parser() ?? 'apparmor_parser', ['--replace', '--skip-cache'], {
    input: text,
    timeoutMs: PARSER_TIMEOUT_MS,
  });
  if (result.code !== 0)
    throw failedPrecondition(`the AppArmor profile could not be loaded: ${result.stderr.toString('utf8').trim()}`);
}

/** Takes a profile out of the kernel; one that is not there is fine. Who is confined by it is not any more. */
export function unloadAppArmorProfile(name: string): void {
  if (loadedAppArmorProfiles().has(name)) writeFileSync(REMOVE, name);
}

function parser(): string | undefined {
  return ['/sbin/apparmor_parser', '/usr/sbin/apparmor_parser'].find(path => existsSync(path));
}
