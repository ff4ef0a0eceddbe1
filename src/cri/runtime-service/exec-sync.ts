import { failedPrecondition } from '../../base/errors.ts';
import type { ExecSyncRequest, ExecSyncResponse } from '../../rpc/cri-api.ts';
import { containerState } from '../store/container-record.ts';
import { checkCommand } from '../validation/command.ts';
import { wrong } from '../validation/field.ts';
import type { RuntimeServiceContext } from './context.ts';
import { execProcess } from './exec-process.ts';
import { runtimeOf } from './runtime-of.ts';
import { unlessEnded } from './unless-ended.ts';

/** The CRI's limit for each of stdout and stderr; what is over is dropped. */
const MAX_OUTPUT_BYTES = 16 << 20;

/**
 * Runs a command in a running container as its process runs (user, environment, directory, capabilities), without a terminal, and returns its
 * output and exit code. `timeout` in seconds, 0 for none: after it everything the command started is killed and `deadline-exceeded` thrown.
 */
export async function execSync(
  ctx: RuntimeServiceContext,
  request: ExecSyncRequest,
  signal?: AbortSignal,
): Promise<ExecSyncResponse> {
  const record = ctx.store.requireContainer(request.containerId);
  checkCommand(request.cmd);
  // upstream's runtimes take a negative one for a time that is over
  if (request.timeout < 0n) throw wrong('timeout', request.timeout, 'is negative');
  if (containerState(record) !== 'running') throw failedPrecondition(`container ${record.id} is not running`);
  try {
    return await runtimeOf(ctx, record.id).exec(
      {
        id: record.id,
        ...execProcess(ctx, record.id, request.cmd, false),
        timeoutMs: Number(request.timeout) * 1000,
        maxOutputBytes: MAX_OUTPUT_BYTES,
      },
      signal,
    );
  } catch (error) {
    throw await unlessEnded(ctx, record, error);
  }
}
