import type { Container, ProbeHandler } from '../../api/types/gen/core-v1.ts';
import { errorCode, errorMessage } from '../../base/errors.ts';
import { expand } from '../env/expand.ts';
import type { ContainerRuntime } from '../runtime/ports.ts';
import { httpGet } from './http-get.ts';
import { httpTarget, portOf } from './probe-target.ts';
import { tcpConnect } from './tcp-connect.ts';
import type { ProbeOutcome } from './threshold.ts';

/** What is probed: one life of a container. */
export interface ProbedContainer {
  readonly id: string;
  readonly spec: Container;
  /** Where its ports are: the address of the pod, or of the node for a pod on its network. */
  readonly podIP: string;
}

/** Upstream's: of what a command says no more is kept. */
const MAX_OUTPUT = 10 * 1024;

/** One attempt. Never rejects: what cannot be carried out is `unknown`. */
export async function runProbe(
  handler: ProbeHandler,
  container: ProbedContainer,
  timeoutSeconds: number,
  runtime: Pick<ContainerRuntime, 'execSync'>,
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  const { spec, podIP } = container;
  const timeoutMs = timeoutSeconds * 1000;
  if (handler.exec !== undefined)
    return runCommand(handler.exec.command ?? [], container, timeoutSeconds, runtime, signal);
  if (handler.httpGet !== undefined) {
    const target = httpTarget(handler.httpGet, spec, podIP);
    return 'error' in target ? unknown(target.error) : httpGet(target, timeoutMs, signal);
  }
  if (handler.tcpSocket !== undefined) {
    const port = portOf(handler.tcpSocket.port, spec);
    const host = handler.tcpSocket.host === undefined || handler.tcpSocket.host === '' ? podIP : handler.tcpSocket.host;
    return typeof port === 'number' ? tcpConnect(host, port, timeoutMs, signal) : unknown(port.error);
  }
  if (handler.grpc !== undefined) {
    const { grpcHealth } = await import('./grpc-health.ts');
    return grpcHealth(podIP, handler.grpc.port, handler.grpc.service ?? '', timeoutMs, signal);
  }
  return unknown('missing probe handler');
}

/** Exit code 0 is success, any other and a command that takes too long are failures. */
async function runCommand(
  command: readonly string[],
  { id, spec }: ProbedContainer,
  timeoutSeconds: number,
  runtime: Pick<ContainerRuntime, 'execSync'>,
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  const fixed = new Map((spec.env ?? []).map(({ name, value }) => [name, value]));
  const words = command.map(word => expand(word, name => fixed.get(name)));
  try {
    const { stdout, stderr, exitCode } = await runtime.execSync(id, words, timeoutSeconds, signal);
    const output = Buffer.concat([stdout, stderr]).subarray(0, MAX_OUTPUT).toString();
    return { result: exitCode === 0 ? 'success' : 'failure', output };
  } catch (error) {
    if (errorCode(error) === 'deadline-exceeded')
      return {
        result: 'failure',
        output: `command timed out: "${words.join(' ')}" timed out after ${timeoutSeconds}s`,
      };
    return unknown(errorMessage(error));
  }
}

function unknown(output: string): ProbeOutcome {
  return { result: 'unknown', output };
}
