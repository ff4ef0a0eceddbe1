import type { Logger } from '../daemon/logger.ts';

/** One line of the log for all fields of a configuration that change nothing; none where there are none. */
export function tellUnheeded(fields: readonly string[], log: Pick<Logger, 'warn'>): void {
  if (fields.length > 0) log.warn({ fields }, 'fields of the configuration are not heeded');
}
