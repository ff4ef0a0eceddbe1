import { join } from 'node:path';
import { Writable } from 'node:stream';
import { errnoName, failedPrecondition, GantryError, unavailable } from '../../base/errors.ts';
import { sleep } from '../../base/signals.ts';
import { faultPoint } from '../../linux/fault-point.ts';
import type { DescriptorStream } from '../../linux/fd-stream.ts';
import { connectPackets } from '../../linux/seqpacket.ts';
import { CONMON_FILES } from './conmon-protocol.ts';
import type { AttachOutputs, AttachSession } from './ports.ts';

/** conmon's name for a stream, the first byte of each packet from it. */
const STDOUT = 2;
const STDERR = 3;
/** conmon reads this much at a time; the rest of a longer packet would be lost. */
const MAX_STDIN_PACKET = 32_768;
/** conmon lets ten wait for it: more try again. */
const CONNECT_PAUSE_MS = 20;
const CONNECT_ATTEMPTS = 500;
/**
 * conmon waits for whoever is attached and reads too slowly, and with it the container and all others who are attached. Who takes nothing for so long is
 * cut off; one who is slow but takes something slows the container down, as any reader of a pipe would. A stream tells what was taken by the write, of up to
 * 64 KiB, and the sockets below it by what they hold: who takes less than that in this time cannot be told from who takes nothing.
 */
const STALL_MS = 10_000;

/**
 * Connects to the streams of a container under conmon: from now on its output is written to `outputs`, and what is written to `stdin` is its input. Throws
 * `failed-precondition` when it has no monitor any more, `unavailable` when that takes no connection, the signal's reason on abort.
 */
export async function attach(
  bundle: string,
  outputs: AttachOutputs,
  signal?: AbortSignal,
  stallMs = STALL_MS,
): Promise<AttachSession> {
  const packets = await connect(join(bundle, CONMON_FILES.attach), signal);
  faultPoint('cri/attach/connected');
  return { stdin: stdinOf(packets), ended: distribute(packets, outputs, stallMs), detach: () => packets.destroy() };
}

async function connect(path: string, signal: AbortSignal | undefined): Promise<DescriptorStream> {
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    try {
      return connectPackets(path);
    } catch (cause) {
      const code = errnoName(cause);
      if (code === 'ENOENT' || code === 'ECONNREFUSED')
        throw failedPrecondition(`the container's monitor has ended (nobody listens at ${path})`, { cause });
      if (code !== 'EAGAIN') throw cause;
      if (attempt === CONNECT_ATTEMPTS)
        throw unavailable(`the container's monitor takes no more connections at ${path}`, { cause });
    }
    await sleep(CONNECT_PAUSE_MS, signal);
  }
}

/** One packet after another: a stream of packets must have one write at a time. */
function stdinOf(packets: DescriptorStream): Writable {
  const stdin = new Writable({
    highWaterMark: MAX_STDIN_PACKET,
    write(chunk: Buffer, _encoding, done) {
      const next = (from: number): void => {
        packets.write(chunk.subarray(from, from + MAX_STDIN_PACKET), error => {
          const to = from + MAX_STDIN_PACKET;
          if (error || to >= chunk.length) done(error);
          else next(to);
        });
      };
      next(0);
    },
    final(done) {
      packets.end(done);
    },
  });
  // The container need not read its input, and its end is told by the other direction.
  stdin.on('error', () => {});
  return stdin;
}

/** Resolves when the monitor has closed the connection and all that came was handed on. */
function distribute(packets: DescriptorStream, outputs: AttachOutputs, stallMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const full = new Set<Writable>();
    let stalled: NodeJS.Timeout | undefined;
    const goOnWaiting = (): void => {
      stalled?.refresh();
    };
    const stopWaiting = (): void => {
      clearTimeout(stalled);
      stalled = undefined;
    };
    const settle = (finish: () => void): void => {
      stopWaiting();
      packets.destroy();
      finish();
    };
    packets.on('data', (packet: Buffer) => {
      const output = packet[0] === STDOUT ? outputs.stdout : packet[0] === STDERR ? outputs.stderr : undefined;
      if (output === undefined || packet.length < 2 || output.destroyed) return;
      if (output.write(packet.subarray(1), goOnWaiting) || full.has(output)) return;
      full.add(output);
      packets.pause();
      stalled ??= setTimeout(() => settle(() => reject(tooSlow(stallMs))), stallMs);
      const goOn = (): void => {
        output.off('drain', goOn);
        output.off('close', goOn);
        full.delete(output);
        if (full.size > 0) return;
        stopWaiting();
        packets.resume();
      };
      output.on('drain', goOn);
      output.on('close', goOn);
    });
    packets.on('end', () => settle(resolve));
    packets.on('error', error => settle(() => reject(error)));
    packets.on('close', () => settle(resolve));
  });
}

function tooSlow(ms: number): GantryError {
  return new GantryError(
    'resource-exhausted',
    `the attached client took no output for ${ms / 1000} s and held the container up; its output is in the log`,
  );
}
