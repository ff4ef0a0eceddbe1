import type {
  RemoteCommand,
  StreamLimits,
  TerminalSize,
  WantedStreams,
} from '../../../src/remotecommand/remote-command.ts';
import { serveRemoteCommand } from '../../../src/remotecommand/serve-remote-command.ts';
import { type StreamServer, streamServer } from './stream-server.ts';

export const ALL: WantedStreams = { stdin: true, stdout: true, stderr: true, tty: false };
export const TTY: WantedStreams = { stdin: true, stdout: true, stderr: false, tty: true };

/** A server whose every upgrade is a command of these streams, run by `run`. */
export interface CommandServer extends StreamServer {
  readonly commands: RemoteCommand[];
  /** Why upgrades came to nothing. */
  readonly refusals: Error[];
}

export async function commandServer(
  wanted: WantedStreams,
  run: (command: RemoteCommand) => void | Promise<void>,
  limits: StreamLimits = {},
): Promise<CommandServer> {
  const commands: RemoteCommand[] = [];
  const refusals: Error[] = [];
  const server = await streamServer(async (request, socket, head) => {
    try {
      const command = await serveRemoteCommand(request, socket, head, wanted, limits);
      commands.push(command);
      await run(command);
    } catch (error) {
      refusals.push(error as Error);
    }
  });
  return { ...server, commands, refusals };
}

/** cat: what comes on stdin goes to stdout, the number of bytes to stderr. */
export async function cat(command: RemoteCommand): Promise<void> {
  const { stdin, stdout, stderr } = command;
  let bytes = 0;
  if (stdin === undefined || stdout === undefined) throw new Error('cat needs streams');
  for await (const piece of stdin) {
    bytes += piece.length;
    if (!stdout.write(piece)) await new Promise(resolve => stdout.once('drain', resolve));
  }
  stderr?.write(`${bytes} bytes`);
  await command.finish({ exitCode: 0 });
}

export function sizesOf(command: RemoteCommand): TerminalSize[] {
  const sizes: TerminalSize[] = [];
  command.onResize(size => sizes.push(size));
  return sizes;
}
