import type { Patience } from '../client/connection.ts';

const MEND =
  'on the control plane, "gantry status" tells how it is, and "gantry logs control-plane" what it had to say';

/** How long commands that a person waits for let an API server take for an answer. One that is full or starts again answers, or refuses, sooner. */
export const AT_TERMINAL: Patience = { ms: 10_000, mend: MEND };

/** The same where an answer may take long by right: what admission webhooks (up to 30 s each) have to be asked for, and a server that is kept busy. */
export const AT_WORK: Patience = { ms: 60_000, mend: MEND };
