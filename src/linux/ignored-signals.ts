/** The mask that /usr/bin/gantry has seen, as `SigIgn` of /proc/PID/status has it: Node has set every signal to its default by the time that a line of ours runs. */
const VARIABLE = 'GANTRY_IGNORED_SIGNALS';

/** Those that a shell has ignored in what it starts (nohup, `&` without job control), by their bits in the mask. SIGTERM is not among them: it ends every daemon. */
const BITS = { SIGHUP: 1n, SIGINT: 2n, SIGQUIT: 4n } as const;

let ignored: readonly NodeJS.Signals[] = [];

/** Which of them a mask says, in hexadecimal; none where it is empty or no mask. Pure. */
export function ignoredIn(mask: string): readonly NodeJS.Signals[] {
  if (!/^[0-9a-f]+$/i.test(mask)) return [];
  const bits = BigInt(`0x${mask}`);
  return (Object.keys(BITS) as (keyof typeof BITS)[]).filter(name => (bits & BITS[name]) !== 0n);
}

/** What was ignored when this process was started stays so. To be called first; children do not learn of it, for theirs are the default. */
export function keepIgnored(): void {
  ignored = ignoredIn(process.env[VARIABLE] ?? '');
  delete process.env[VARIABLE];
  for (const name of ignored) process.on(name, () => {});
}

/** Of these signals those that may end this process: all that were not ignored when it was started. */
export function heeded<Name extends NodeJS.Signals>(names: readonly Name[]): readonly Name[] {
  return names.filter(name => !ignored.includes(name));
}

/** Whether any was ignored: children have a session of their own then (spawn.ts), in which neither a terminal that goes away nor its Ctrl-C reaches them. */
export function isAnyIgnored(): boolean {
  return ignored.length > 0;
}
