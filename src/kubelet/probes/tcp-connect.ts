import { connect } from 'node:net';
import { DIAL_ERRORS } from './http-get.ts';
import { hostAndPort } from './probe-target.ts';
import type { ProbeOutcome } from './threshold.ts';

/** Success is a connection, which is closed at once. Never rejects. */
export function tcpConnect(host: string, port: number, timeoutMs: number, signal: AbortSignal): Promise<ProbeOutcome> {
  return new Promise(resolve => {
    const socket = connect({ host, port });
    const end = (outcome: ProbeOutcome): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      resolve(outcome);
    };
    const dial = `dial tcp ${hostAndPort(host, port)}`;
    const onAbort = (): void => end({ result: 'unknown', output: 'the probe was given up' });
    const timer = setTimeout(() => end({ result: 'failure', output: `${dial}: i/o timeout` }), timeoutMs);
    signal.addEventListener('abort', onAbort, { once: true });
    socket.on('connect', () => end({ result: 'success', output: '' }));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const text = DIAL_ERRORS[error.code ?? ''];
      end({
        result: 'failure',
        output: text === undefined ? `${dial}: ${error.message}` : `${dial}: connect: ${text}`,
      });
    });
  });
}
