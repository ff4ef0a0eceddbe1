import { readFileSync } from 'node:fs';
import { type ClientHttp2Session, connect, type OutgoingHttpHeaders } from 'node:http2';
import { setTimeout } from 'node:timers/promises';
import type { ClientCredentials } from '../harness/api-server.ts';
import { seededRandom } from '../harness/random.ts';
import { quantile } from './statistics.ts';

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

/** Connections to one API server, as many as its limit of streams asks for. */
export class LoadClient {
  readonly #sessions: readonly ClientHttp2Session[];
  #next = 0;

  constructor(url: string, credentials: ClientCredentials, connections: number) {
    this.#sessions = Array.from({ length: connections }, () => {
      const session = connect(url, { ...credentials, settings: { initialWindowSize: 4 * 1024 * 1024 } });
      session.on('connect', () => session.setLocalWindowSize(64 * 1024 * 1024));
      return session;
    });
  }

  /** One request; resolves with its answer, whatever its status. */
  request(method: string, path: string, headers: OutgoingHttpHeaders = {}, body?: Buffer): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const stream = this.#session().request(
        { ':method': method, ':path': path, ...headers },
        { endStream: body === undefined },
      );
      const parts: Buffer[] = [];
      let status = 0;
      stream.on('response', head => {
        status = Number(head[':status']);
      });
      stream.on('data', (part: Buffer) => parts.push(part));
      stream.on('end', () =>
        resolve({ status, body: parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts) }),
      );
      stream.on('error', reject);
      if (body !== undefined) stream.end(body);
    });
  }

  /** Opens a stream and hands every piece that comes to `onData`; returns how to end it. Resolves with the answer's head. */
  stream(path: string, headers: OutgoingHttpHeaders, onData: (piece: Buffer) => void): Promise<() => void> {
    return new Promise((resolve, reject) => {
      const stream = this.#session().request({ ':path': path, ...headers });
      stream.on('response', head => {
        if (head[':status'] === 200) resolve(() => stream.close());
        else reject(new Error(`${path}: ${head[':status']}`));
      });
      stream.on('data', onData);
      stream.on('error', reject);
    });
  }

  close(): void {
    for (const session of this.#sessions) session.destroy();
  }

  #session(): ClientHttp2Session {
    this.#next = (this.#next + 1) % this.#sessions.length;
    const session = this.#sessions[this.#next];
    if (session === undefined) throw new Error('no connections');
    return session;
  }
}

export interface Rate {
  /** Calls a second. */
  readonly rate: number;
  readonly calls: number;
  /** Of one call, in ms. */
  readonly p50: number;
  readonly p99: number;
}

/** `clients` callers in a loop for some seconds. */
export async function rateOf(clients: number, seconds: number, call: (i: number) => Promise<unknown>): Promise<Rate> {
  const took: number[] = [];
  let calls = 0;
  const started = performance.now();
  const until = started + seconds * 1000;
  await Promise.all(
    Array.from({ length: clients }, async () => {
      for (let now = performance.now(); now < until; now = performance.now()) {
        calls += 1;
        await call(calls);
        took.push(performance.now() - now);
      }
    }),
  );
  const rate = calls / ((performance.now() - started) / 1000);
  return { rate, calls, p50: quantile(took, 0.5), p99: quantile(took, 0.99) };
}

/**
 * Calls that come by themselves, `perSecond` of them, at seeded random moments, however long each takes: what a server costs below its limit. Returns when
 * all are answered.
 */
export async function steadily(
  perSecond: number,
  seconds: number,
  call: (i: number) => Promise<unknown>,
): Promise<number> {
  const random = seededRandom(1);
  const started = performance.now();
  const under: Promise<unknown>[] = [];
  let due = 0;
  while (due < seconds * 1000) {
    while (due <= performance.now() - started) {
      under.push(call(under.length));
      due += (-Math.log(1 - random.next()) * 1000) / perSecond;
    }
    await setTimeout(1);
  }
  await Promise.all(under);
  return under.length;
}

/** The times of `count` calls, one after another, in ms. */
export async function timesOf(count: number, call: (i: number) => Promise<unknown>): Promise<number[]> {
  const took: number[] = [];
  for (let i = 0; i < count; i += 1) {
    const started = performance.now();
    await call(i);
    took.push(performance.now() - started);
  }
  return took;
}

/** CPU seconds that a process has used, user and system; the kernel counts in hundredths. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Memory of a process in MB; shared pages count by their share. */
export function pssMegabytes(pid: number): number {
  const match = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'));
  return Number(match?.[1] ?? Number.NaN) / 1024;
}
