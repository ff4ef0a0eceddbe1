import type { CommandEnd } from './remote-command.ts';

/** What the error stream tells of a command's end since v4: those fields of a metav1 Status that clients look at. */
export interface CommandStatus {
  readonly status: 'Success' | 'Failure';
  readonly message?: string;
  readonly reason?: string;
  readonly details?: { readonly causes?: readonly { readonly reason?: string; readonly message?: string }[] };
  readonly code?: number;
}

const NON_ZERO_EXIT_CODE = 'NonZeroExitCode';
const EXIT_CODE = 'ExitCode';

/** The status for an end, in upstream's words. Pure. */
export function commandStatus(end: CommandEnd): CommandStatus {
  if ('status' in end) return end.status;
  if ('error' in end)
    return {
      status: 'Failure',
      message: `Internal error occurred: ${end.error}`,
      reason: 'InternalError',
      code: 500,
    };
  if (end.exitCode === 0) return { status: 'Success' };
  return {
    status: 'Failure',
    message: `command terminated with non-zero exit code: exit status ${end.exitCode}`,
    reason: NON_ZERO_EXIT_CODE,
    details: { causes: [{ reason: EXIT_CODE, message: String(end.exitCode) }] },
  };
}

/** What the error stream carries: JSON since v4; before that the message alone, and nothing for success. Pure. */
export function errorStreamText(status: CommandStatus, json: boolean): string {
  if (json) return JSON.stringify(status);
  return status.status === 'Success' ? '' : (status.message ?? '');
}

/** What a server of v4 or later told on its error stream. Nothing, or what is no status, is a failure in client-go's words. Pure. */
export function readErrorStream(text: string): CommandStatus {
  const failure = (message: string): CommandStatus => ({
    status: 'Failure',
    message: `error stream protocol error: ${message}`,
    reason: 'InternalError',
    code: 500,
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return failure(`${(error as Error).message} in ${JSON.stringify(text.slice(0, 256))}`);
  }
  const status = (value as CommandStatus | null)?.status;
  if (status !== 'Success' && status !== 'Failure') return failure('unknown error');
  return value as CommandStatus;
}

/** The exit code that a status tells: 0 for success, undefined for an error that is no exit. Pure. */
export function exitCodeOf(status: CommandStatus): number | undefined {
  if (status.status === 'Success') return 0;
  if (status.reason !== NON_ZERO_EXIT_CODE) return undefined;
  const cause = status.details?.causes?.find(each => each.reason === EXIT_CODE);
  return cause !== undefined && /^\d{1,3}$/.test(cause.message ?? '') ? Number(cause.message) : undefined;
}
