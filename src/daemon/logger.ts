import pino from 'pino';
import { systemClock } from '../base/clock.ts';
import { openJournal } from './journal-destination.ts';

export type Logger = pino.Logger;

export interface LogOptions {
  readonly level?: string;
  /** Written into every line as `daemon`. */
  readonly daemon: string;
}

/**
 * JSON lines to stderr, written synchronously: a line that was logged before kill -9 is there afterwards. Where stderr leads to the journal of systemd, entries with
 * fields of their own instead, which it takes at once as well. Tokens and passwords are cut out by path, whoever logs them.
 */
export function createLogger(options: LogOptions): Logger {
  return pino(
    {
      level: options.level ?? process.env['GANTRY_LOG_LEVEL'] ?? 'info',
      base: { daemon: options.daemon },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: label => ({ level: label }) },
      redact: ['*.password', '*.token', '*.auth', '*.identityToken', '*.registryToken', 'password', 'token', 'auth'],
    },
    openJournal(systemClock) ?? pino.destination({ fd: 2, sync: true }),
  );
}
