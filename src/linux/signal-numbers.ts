/** Signals of Linux on x86-64 and arm64 by name. Real-time ones follow their own rule: see `signalNumber`. */
const NUMBERS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGIOT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGSTKFLT: 16,
  SIGCHLD: 17,
  SIGCLD: 17,
  SIGCONT: 18,
  SIGSTOP: 19,
  SIGTSTP: 20,
  SIGTTIN: 21,
  SIGTTOU: 22,
  SIGURG: 23,
  SIGXCPU: 24,
  SIGXFSZ: 25,
  SIGVTALRM: 26,
  SIGPROF: 27,
  SIGWINCH: 28,
  SIGIO: 29,
  SIGPOLL: 29,
  SIGPWR: 30,
  SIGSYS: 31,
};

/** As programs see them (glibc keeps two of the kernel's for itself). */
const SIGRTMIN = 34;
const SIGRTMAX = 64;

/**
 * The number of a signal written as an image's StopSignal or a CRI Signal is: `SIGTERM`, `TERM`, `15`, `SIGRTMIN+3`, `SIGRTMAX-1`. Case does not matter.
 * Undefined for anything else.
 */
export function signalNumber(text: string): number | undefined {
  if (/^\d+$/.test(text)) return inRange(Number(text));
  const upper = text.toUpperCase();
  const name = upper.startsWith('SIG') ? upper : `SIG${upper}`;
  const realtime = /^SIG(RTMIN(?:\+(\d+))?|RTMAX(?:-(\d+))?)$/.exec(name);
  if (realtime !== null) {
    const [, kind = '', up = '0', down = '0'] = realtime;
    const number = kind.startsWith('RTMIN') ? SIGRTMIN + Number(up) : SIGRTMAX - Number(down);
    return number >= SIGRTMIN && number <= SIGRTMAX ? number : undefined;
  }
  return NUMBERS[name];
}

/** The usual name of a signal, `SIGRTMIN+n` for real-time ones, the number itself for what has no name. */
export function signalName(number: number): string {
  const known = Object.entries(NUMBERS).find(([, value]) => value === number)?.[0];
  if (known !== undefined) return known;
  return number >= SIGRTMIN && number <= SIGRTMAX ? `SIGRTMIN+${number - SIGRTMIN}` : String(number);
}

function inRange(number: number): number | undefined {
  return number >= 1 && number <= SIGRTMAX ? number : undefined;
}
