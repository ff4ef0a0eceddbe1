/** Something that is wrong with a node, and what helps. */
export interface Problem {
  /** What it is about: the name of a daemon, `certificate apiserver`, `node`. */
  readonly part: string;
  readonly what: string;
  /** What to type, or to do. */
  readonly remedy: string;
}

/** `gantry logs` knows daemons without the beginning of their names. */
export function logsOf(name: string): string {
  return `gantry logs ${name.replace(/^gantry-/, '')}`;
}
