import type { Clock } from '../../base/clock.ts';
import { errorMessage } from '../../base/errors.ts';
import { deadlineSignal, sleep } from '../../base/signals.ts';
import type { ApiConnection } from '../../client/connection.ts';
import type { Component } from '../../daemon/component.ts';
import type { Logger } from '../../daemon/logger.ts';
import { parseCertificate } from '../../pki/certificate.ts';
import { generateKey, privateKeyPem } from '../../pki/keys.ts';
import { requestNodeCertificate } from './certificate-request.ts';
import { currentPath, readIfThere, storeCertificate } from './certificate-store.ts';
import { CLIENT_CERTIFICATE } from './tls-bootstrap.ts';

export interface RotationOptions {
  readonly connection: ApiConnection;
  readonly certificateDir: string;
  readonly nodeName: string;
  readonly clock: Clock;
  /** 0 <= x < 1. */
  readonly random: () => number;
  readonly log: Logger;
}

/** How long a request may wait for its certificate, and the pauses after one that failed (upstream's numbers). */
const REQUEST_MS = 15 * 60_000;
const FIRST_RETRY_MS = 2_000;
const MAX_RETRY_MS = 15 * 60_000;
/** Timers hold no longer times, and a clock may be set meanwhile: it is looked at again after this. */
const LONGEST_SLEEP_MS = 3_600_000;

/** When to ask for the next certificate: after 70 to 90 % of the life of this one, so that nodes do not all come at once. Pure. */
export function rotateAt(notBefore: number, notAfter: number, random: number): number {
  return notBefore + (notAfter - notBefore) * (0.7 + 0.2 * random);
}

/** Asks for a new client certificate before the one in use is over, and has the connection use it from then on. */
export function certificateRotation(options: RotationOptions): Component {
  return {
    name: 'client-certificate',
    async run(signal, ready) {
      ready();
      const share = options.random();
      let failures = 0;
      while (!signal.aborted) {
        const waitMs = untilDue(options, share);
        if (waitMs > 0) {
          await sleep(Math.min(waitMs, LONGEST_SLEEP_MS), signal, options.clock).catch(() => undefined);
          continue;
        }
        try {
          await rotate(options, signal);
          failures = 0;
          // one that lives shorter than signers date it back is due at once: that must not become a loop without a pause
          await sleep(FIRST_RETRY_MS, signal, options.clock).catch(() => undefined);
        } catch (error) {
          if (signal.aborted) return;
          options.log.warn({ because: errorMessage(error) }, 'the client certificate was not renewed; trying again');
          const pause = Math.min(FIRST_RETRY_MS * 2 ** Math.min(failures, 10), MAX_RETRY_MS);
          failures += 1;
          await sleep(pause, signal, options.clock).catch(() => undefined);
        }
      }
    },
  };
}

/** Infinity where the certificate in use is not one that this kubelet asked for. */
function untilDue({ certificateDir, clock }: RotationOptions, share: number): number {
  const pem = readIfThere(currentPath(certificateDir, CLIENT_CERTIFICATE));
  if (pem === undefined) return Number.POSITIVE_INFINITY;
  const { validFrom, validTo } = parseCertificate(pem);
  return rotateAt(Date.parse(validFrom), Date.parse(validTo), share) - clock.now();
}

async function rotate(
  { connection, certificateDir, nodeName, clock, log }: RotationOptions,
  signal: AbortSignal,
): Promise<void> {
  const key = generateKey();
  const deadline = deadlineSignal(REQUEST_MS, 'the new client certificate', signal, clock);
  try {
    const onTrouble = (message: string): void => log.warn(message);
    const cert = await requestNodeCertificate(connection, { nodeName, key, clock, onTrouble }, deadline.signal);
    const keyPem = privateKeyPem(key);
    storeCertificate(certificateDir, CLIENT_CERTIFICATE, `${cert.trimEnd()}\n${keyPem}`, new Date(clock.now()));
    connection.replaceCertificate({ cert, key: keyPem });
    log.info('the client certificate was renewed');
  } finally {
    deadline.release();
  }
}
