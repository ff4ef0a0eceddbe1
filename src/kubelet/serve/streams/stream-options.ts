import type { WantedStreams } from '../../../remotecommand/remote-command.ts';
import { badRequest } from '../refusal.ts';

/** The streams that an exec or attach asks for, by upstream's names in the query. A terminal has no stderr of its own. Throws 400 where none is asked for. Pure. */
export function wantedStreams(query: URLSearchParams): WantedStreams {
  const asked = (name: string): boolean => query.get(name) === '1';
  const tty = asked('tty');
  const wanted = { stdin: asked('input'), stdout: asked('output'), stderr: asked('error') && !tty, tty };
  if (!wanted.stdin && !wanted.stdout && !wanted.stderr)
    throw badRequest('you must specify at least 1 of stdin, stdout, stderr');
  return wanted;
}

/**
 * The ports that the channels of a WebSocket are for; with SPDY, tunnelled too, each stream names its own, and there are none here. Throws 400 in upstream's
 * words. Pure.
 */
export function forwardedPorts(query: URLSearchParams, channels: boolean): readonly number[] {
  if (!channels) return [];
  const texts = query.getAll('port');
  if (texts.length === 0) throw badRequest('query parameter "port" is required');
  return texts.flatMap(text => {
    if (text === '') throw badRequest('query parameter "port" cannot be empty');
    return text.split(',').map(part => port(part, text));
  });
}

function port(part: string, text: string): number {
  const failed = (why: string): Error =>
    badRequest(
      `unable to parse ${JSON.stringify(text)} as a port: strconv.ParseUint: parsing ${JSON.stringify(part)}: ${why}`,
    );
  if (!/^\d+$/.test(part)) throw failed('invalid syntax');
  const number = Number(part);
  if (number > 65_535) throw failed('value out of range');
  if (number < 1) throw badRequest(`port ${JSON.stringify(text)} must be > 0`);
  return number;
}
