import { signalNumber } from '../linux/signal-numbers.ts';
import { Signal } from '../rpc/cri-api.ts';

/** First and last real-time signal as glibc shows them, and where the CRI's own numbering (alphabetic, not Linux's) has them. */
const SIGRTMIN = 34;
const SIGRTMAX = 64;
const CRI_RTMIN = 35;
const CRI_RTMAX = 65;

/** The name of a CRI Signal value as images write it; undefined for RUNTIME_DEFAULT and for numbers the CRI does not have. */
export function criSignalName(value: Signal): string | undefined {
  if (value >= CRI_RTMIN && value <= CRI_RTMAX) {
    const above = value - CRI_RTMIN;
    // 35 is SIGRTMIN, 36 to 50 are +1 to +15, 51 to 65 count down from SIGRTMAX-14
    return above <= 15 ? `SIGRTMIN+${above}` : `SIGRTMAX-${CRI_RTMAX - value}`;
  }
  const name = Signal[value];
  return value > 0 && name !== undefined && signalNumber(name) !== undefined ? name : undefined;
}

/** The CRI Signal value of a signal written in any way; RUNTIME_DEFAULT (0) for what is no signal. */
export function criSignalValue(text: string): Signal {
  const number = signalNumber(text);
  if (number === undefined) return 0;
  if (number >= SIGRTMIN)
    return number - SIGRTMIN <= 15 ? CRI_RTMIN + number - SIGRTMIN : CRI_RTMAX - (SIGRTMAX - number);
  for (let value = 1; value < CRI_RTMIN; value += 1) {
    const name = Signal[value];
    if (name !== undefined && signalNumber(name) === number) return value;
  }
  return 0;
}
