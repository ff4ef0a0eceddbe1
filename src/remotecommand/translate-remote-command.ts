import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { errorMessage } from '../base/errors.ts';
import { joinedSignal } from '../base/signals.ts';
import type { UpgradeAnswer } from './backend.ts';
import { openSpdyCommand, type RemoteCommandClient } from './command-client.ts';
import type { CommandStatus } from './command-status.ts';
import { adoptSocket } from './refuse-upgrade.ts';
import type { RemoteCommand, StreamLimits, WantedStreams } from './remote-command.ts';
import { serveRemoteCommand } from './serve-remote-command.ts';
import { passUpgrade, type UpgradeClient } from './upgrade-proxy.ts';

/**
 * Serves a command to a client in whatever it speaks, from a backend that was asked for SPDY with v4 (`spdyHeaders`) and gave this answer; a refusal is passed on as
 * it is. `limits` are the client's; the backend has its own. Resolves when all has ended; never rejects.
 */
export async function translateRemoteCommand(
  answer: UpgradeAnswer,
  client: UpgradeClient,
  wanted: WantedStreams,
  signal: AbortSignal,
  limits: StreamLimits = {},
): Promise<void> {
  if (!answer.upgraded) return await passUpgrade(answer, client, signal);
  adoptSocket(answer.socket);
  let command: RemoteCommand;
  try {
    command = await serveRemoteCommand(client.request, client.socket, client.head, wanted, limits);
  } catch {
    answer.socket.destroy();
    return;
  }
  const done = new AbortController();
  const stop = joinedSignal(joinedSignal(command.signal, done.signal), signal);
  let served: RemoteCommandClient | undefined;
  const close = (): void => void served?.close();
  stop.addEventListener('abort', close, { once: true });
  try {
    served = await openSpdyCommand(answer.socket, answer.head, wanted, stop);
    await command.finish({ status: await passStreams(command, served) });
  } catch (error) {
    await command.finish({ error: errorMessage(error) });
  } finally {
    done.abort();
    await served?.close();
  }
}

/** Passes streams and sizes both ways until the backend has told how the command ended and the client has taken all its output. */
async function passStreams(command: RemoteCommand, served: RemoteCommandClient): Promise<CommandStatus> {
  command.onResize(size => served.resize(size));
  // ends with either side: neither throws
  void pass(command.stdin, served.stdin);
  const [status] = await Promise.all([
    served.ended,
    pass(served.stdout, command.stdout),
    pass(served.stderr, command.stderr),
  ]);
  return status;
}

async function pass(from: Readable | undefined, to: Writable | undefined): Promise<void> {
  if (from !== undefined && to !== undefined) await pipeline(from, to).catch(() => {});
}
