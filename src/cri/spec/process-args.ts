import { invalidArgument } from '../../base/errors.ts';
import type { CriContainerConfig, ImageProcess } from './inputs.ts';

/** What upstream runtimes give a process whose image names no PATH. */
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * The argument vector by the CRI rules: the request's command replaces entrypoint and cmd of the image, its args replace cmd alone.
 * Throws `invalid-argument` when nothing is left to run.
 */
export function processArgs(
  config: Pick<CriContainerConfig, 'command' | 'args'>,
  image: Pick<ImageProcess, 'entrypoint' | 'cmd'>,
): readonly string[] {
  const entrypoint = config.command.length > 0 ? config.command : image.entrypoint;
  const takesImageCmd = config.command.length === 0 && config.args.length === 0;
  const args = [...entrypoint, ...(takesImageCmd ? image.cmd : config.args)];
  if (args.length === 0) throw invalidArgument('no command to run: neither the request nor the image names one');
  return args;
}

/**
 * The environment, one `KEY=value` per key: PATH, TERM (with a terminal) and HOSTNAME as defaults, then the image's, then the request's; a later one
 * replaces an earlier one in its place.
 */
export function processEnv(
  config: Pick<CriContainerConfig, 'envs' | 'tty'>,
  imageEnv: readonly string[],
  hostname: string,
): readonly string[] {
  const merged = new Map<string, string>([['PATH', DEFAULT_PATH]]);
  if (config.tty) merged.set('TERM', 'xterm');
  merged.set('HOSTNAME', hostname);
  for (const line of imageEnv) {
    const [key = '', ...rest] = line.split('=');
    if (key !== '') merged.set(key, rest.join('='));
  }
  for (const { key, value } of config.envs) {
    merged.set(key, typeof value === 'string' ? value : new TextDecoder().decode(value));
  }
  return [...merged].map(([key, value]) => `${key}=${value}`);
}

/** The working directory: the request's, else the image's, else `/`. A relative one starts at the root. */
export function processCwd(workingDir: string, imageWorkingDir: string): string {
  const wanted = workingDir !== '' ? workingDir : imageWorkingDir;
  return wanted.startsWith('/') ? wanted : `/${wanted}`;
}
