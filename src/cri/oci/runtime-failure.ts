import { GantryError } from '../../base/errors.ts';

export interface FailureContext {
  /** `crun`, `runc`, … */
  readonly runtime: string;
  /** create, start, … */
  readonly verb: string;
  /** The container's memory limit in bytes, where it is known. */
  readonly memoryLimit?: number | undefined;
}

/**
 * An error with a meaning from what an OCI runtime wrote. crun and runc put the same failure differently; users see one wording: what cannot be run,
 * which limit is too small, and the runtime's own words, on one line, for the rest.
 */
export function runtimeFailure(output: string, context: FailureContext): GantryError {
  const text = plainText(output);
  const command = missingCommand(text);
  if (command !== undefined)
    return new GantryError('invalid-argument', `exec: "${command}": no such file or directory in the image`);
  const notRunnable = /exec: "([^"]+)": (permission denied|is a directory|exec format error)/i.exec(text);
  if (notRunnable !== null) return new GantryError('invalid-argument', `exec: "${notRunnable[1]}": ${notRunnable[2]}`);
  const unopened = /open executable: (.+)$/.exec(text)?.[1];
  if (unopened !== undefined)
    return new GantryError('invalid-argument', `exec: the program cannot be opened: ${unopened}`);
  const directory = WORKING_DIRECTORY.exec(text);
  if (directory !== null)
    return new GantryError(
      'invalid-argument',
      `working directory "${directory[1] ?? directory[2] ?? directory[3]}": ${directory[4]?.toLowerCase()}`,
    );
  const limit = REFUSED_LIMIT.exec(text);
  if (limit !== null)
    return new GantryError(
      'invalid-argument',
      `the kernel refuses the value of ${limit[1]}: ${limit[2]?.toLowerCase()}`,
    );
  const sysctl = /\/proc\/sys\/(\S+?)[`'"]?: (.+)$/.exec(text);
  if (sysctl !== null)
    return new GantryError('invalid-argument', `sysctl ${sysctl[1]?.replaceAll('/', '.')} cannot be set: ${sysctl[2]}`);
  // it was killed, and maybe removed, since it was looked at
  if (saysUnknownContainer(text) || ENDED.test(text))
    return new GantryError('failed-precondition', 'the container is not running any more');
  if (isMemoryFailure(text)) {
    const limit = context.memoryLimit === undefined ? '' : ` of ${context.memoryLimit} bytes`;
    return new GantryError(
      'failed-precondition',
      `the memory limit${limit} is too small to start the container: ${text}`,
    );
  }
  const said = text === '' ? 'it gave no reason' : text;
  // without the container's id: each try is another container, and users would be told of each as if it were news
  return new GantryError('internal', `${context.runtime} ${context.verb} failed: ${said}`);
}

/** True when the runtime says that it has no such container. */
export function saysUnknownContainer(output: string): boolean {
  return /container (`[^`]*` |"[^"]*" )?does not exist|error opening file `[^`]*\/status`: No such file/.test(output);
}

/** runc and crun of a directory in which a process cannot begin, or which runc cannot make for it. */
const WORKING_DIRECTORY =
  /(?:chdir to cwd \("([^"]*)"\) set in config\.json failed|chdir [`'"]([^`'"]*)[`'"]|error during container init: mkdir (\/.*)): ([^:;]+)$/;

/** crun and runc of a file of a group into which they could not write, except that of the memory limit, which has a message of its own. */
const REFUSED_LIMIT =
  /writ(?:e|ing)(?: file)? [`'"]?(?:\/sys\/fs\/cgroup\/\S*\/)?((?:cpu|cpuset|pids|hugetlb|io|blkio|memory\.memsw|memory\.swap)\.[\w.]+)[`'"]?: (numerical result out of range|invalid argument)/i;

/** crun and runc of a container that has ended. */
const ENDED =
  /container (`[^`]*` )?is not running|cannot (start|exec( in)?) a (container that has stopped|stopped container)/;

/** The program that was not found, from crun's or runc's words. */
function missingCommand(text: string): string | undefined {
  const crun = /executable file `([^`]+)` not found/.exec(text)?.[1];
  if (crun !== undefined) return crun;
  return /exec: "([^"]+)": (?:stat \S+: no such file or directory|executable file not found)/.exec(text)?.[1];
}

function isMemoryFailure(text: string): boolean {
  return /memory limit (?:could be )?too low|unable to set memory limit|OOM-killed|memory\.(limit_in_bytes|max)['`"]?: (Device or resource busy|Invalid argument)/i.test(
    text,
  );
}

/** One line without time stamps, log levels and runc's repeated preambles. */
function plainText(output: string): string {
  const lines = output
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '')
    .map(line => {
      const logged = /^time="[^"]*" level=(\w+) msg="((?:[^"\\]|\\.)*)"/.exec(line);
      if (logged !== null)
        return logged[1] === 'warning'
          ? ''
          : (logged[2] ?? '').replace(/\\(.)/g, (_, c: string) => (c === 'n' || c === 't' ? ' ' : c));
      return line.replace(/^\d{4}-\d\d-\d\dT\S+Z: /, '');
    })
    .filter(line => line !== '')
    .map(line =>
      line.replace(/^runc (create|start|run) failed: /, '').replace(/^unable to start container process: /, ''),
    );
  return lines.join('; ').replace(/\s+/g, ' ').trim();
}
