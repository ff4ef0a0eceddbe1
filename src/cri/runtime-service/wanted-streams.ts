import { invalidArgument } from '../../base/errors.ts';
import type { ExecRequest } from '../../rpc/cri-api.ts';

type Asked = Pick<ExecRequest, 'containerId' | 'stdin' | 'stdout' | 'stderr' | 'tty'>;

/** The streams that an exec or attach asks for. Throws `invalid-argument` in upstream's words for what cannot be; `none` are those where nothing is asked for. Pure. */
export function wantedStreams(request: Asked, none: string): Omit<Asked, 'containerId'> {
  const { containerId, stdin, stdout, stderr, tty } = request;
  if (containerId === '') throw invalidArgument('missing required container_id');
  // A terminal has one output.
  if (tty && stderr) throw invalidArgument('tty and stderr cannot both be true');
  if (!stdin && !stdout && !stderr) throw invalidArgument(none);
  return { stdin, stdout, stderr, tty };
}
