import type { Readable } from 'node:stream';
import type { ApiEndpoint } from '../client/kubeconfig.ts';
import { exitCodeOf } from '../remotecommand/command-status.ts';
import { dialRemoteCommand } from '../remotecommand/dial-remote-command.ts';

export interface InPod {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly command: readonly string[];
}

/** Runs a command in a container to its end, by the API server's exec. Throws what the server refuses it with. */
export async function runInPod(
  endpoint: ApiEndpoint,
  { namespace, pod, container, command }: InPod,
  signal: AbortSignal,
): Promise<{ readonly exitCode: number; readonly stdout: string; readonly stderr: string }> {
  const query = new URLSearchParams([
    ['container', container],
    ['stdout', 'true'],
    ['stderr', 'true'],
    ...command.map((word): [string, string] => ['command', word]),
  ]);
  const url = new URL(`${endpoint.server}/api/v1/namespaces/${namespace}/pods/${pod}/exec?${query}`);
  const { ca, certificate, insecureSkipVerify = false, serverName, token } = endpoint;
  const client = await dialRemoteCommand(
    {
      url,
      tls: {
        rejectUnauthorized: !insecureSkipVerify,
        ...(ca === undefined ? {} : { ca }),
        ...certificate,
        ...(serverName === undefined ? {} : { servername: serverName }),
      },
    },
    { stdin: false, stdout: true, stderr: true, tty: false },
    {
      protocol: 'websocket',
      ...(token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } }),
      signal,
    },
  );
  try {
    const [stdout, stderr, status] = await Promise.all([textOf(client.stdout), textOf(client.stderr), client.ended]);
    const exitCode = exitCodeOf(status);
    if (exitCode === undefined) throw new Error(`the command was not run to its end: ${status.message ?? 'no reason'}`);
    return { exitCode, stdout, stderr };
  } finally {
    await client.close();
  }
}

async function textOf(stream: Readable | undefined): Promise<string> {
  let text = '';
  for await (const piece of stream ?? []) text += String(piece);
  return text;
}
