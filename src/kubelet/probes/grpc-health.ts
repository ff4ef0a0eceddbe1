import { Client, credentials, status } from '@grpc/grpc-js';
import { hostAndPort } from './probe-target.ts';
import type { ProbeOutcome } from './threshold.ts';

const CHECK = '/grpc.health.v1.Health/Check';
/** HealthCheckResponse.ServingStatus. */
const STATUSES = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];
const SERVING = 1;

/** Asks the standard health service without TLS, as upstream does. Never rejects. */
export function grpcHealth(
  host: string,
  port: number,
  service: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  return new Promise(resolve => {
    const address = hostAndPort(host, port);
    // a channel of its own: a pool would hide that no connection can be made
    const client = new Client(address, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
    const end = (outcome: ProbeOutcome): void => {
      signal.removeEventListener('abort', onAbort);
      client.close();
      resolve(outcome);
    };
    const call = client.makeUnaryRequest(
      CHECK,
      encodeRequest,
      readStatus,
      service,
      { deadline: Date.now() + timeoutMs },
      (error, answer) => {
        if (error !== null)
          return end({ result: 'failure', output: refusal(error.code, error.details, address, timeoutMs) });
        if (answer === SERVING) return end({ result: 'success', output: 'service healthy' });
        end({
          result: 'failure',
          output: `service unhealthy (responded with "${STATUSES[answer ?? 0] ?? String(answer)}")`,
        });
      },
    );
    const onAbort = (): void => {
      call.cancel();
      end({ result: 'unknown', output: 'the probe was given up' });
    };
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

function refusal(code: number, details: string, address: string, timeoutMs: number): string {
  const within = `${timeoutMs / 1000}s`;
  if (code === status.UNIMPLEMENTED)
    return `error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${details}`;
  if (code === status.DEADLINE_EXCEEDED) return `timeout: health rpc did not complete within ${within}`;
  if (code === status.UNAVAILABLE)
    return `timeout: failed to connect service "${address}" within ${within}: context deadline exceeded`;
  return `error: health rpc probe failed: ${details}`;
}

/** HealthCheckRequest: `string service = 1`. */
function encodeRequest(service: string): Buffer {
  const text = Buffer.from(service);
  if (text.length === 0) return text;
  const length: number[] = [];
  for (let rest = text.length; ; rest >>>= 7) {
    length.push(rest > 0x7f ? (rest & 0x7f) | 0x80 : rest);
    if (rest <= 0x7f) break;
  }
  return Buffer.concat([Buffer.from([0x0a, ...length]), text]);
}

/** HealthCheckResponse: `ServingStatus status = 1`, which is left out where it is 0. */
function readStatus(answer: Buffer): number {
  return answer[0] === 0x08 ? (answer[1] ?? 0) : 0;
}
