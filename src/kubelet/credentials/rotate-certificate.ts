import type { Clock } from '../../base/clock.ts';
import { errorMessage } from '../../base/errors.ts';
import { deadlineSignal, joinedSignal, sleep } from '../../base/signals.ts';
import type { ApiConnection } from '../../client/connection.ts';
import type { Component } from '../../daemon/component.ts';
import type { Logger } from '../../daemon/logger.ts';
import { fileStamps } from '../../linux/file-stamps.ts';
import { WatchedFiles } from '../../linux/watched-files.ts';
import { parseCertificate } from '../../pki/certificate.ts';
import { generateKey, privateKeyPem } from '../../pki/keys.ts';
import { type CertificatePurpose, requestNodeCertificate } from './certificate-request.ts';
import { currentPath, readStored, storeCertificate } from './certificate-store.ts';

export interface RotationOptions {
  /** Of the component and of what it logs: `client`, `serving`. */
  readonly name: string;
  readonly purpose: CertificatePurpose;
  readonly connection: ApiConnection;
  readonly certificateDir: string;
  readonly nodeName: string;
  /** Takes a new certificate into use, or one that somebody else put there. */
  readonly use: (pair: { readonly cert: string; readonly key: string }) => void;
  /** What to try once the certificate is over, before it is asked for as ever. True: there is another now. */
  readonly recover?: (expiredAt: number, signal: AbortSignal) => Promise<boolean>;
  /** Files whose change may end a pause. */
  readonly alsoWatched?: readonly string[];
  readonly onFailure: () => void;
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
/** One that is due again at once, whatever its signer did, must not become a loop without a pause. */
const PAUSE_MS = 2_000;

/** When to ask for the next certificate: from two thirds of the life of this one on, and up to three quarters, so that nodes do not all come at once. Pure. */
export function rotateAt(since: number, notAfter: number, random: number): number {
  return since + (notAfter - since) * (2 / 3 + random / 12);
}

/** Asks for a new certificate before the one in use is over, or where there is none, and has it used from then on. */
export function certificateRotation(options: RotationOptions): Component {
  const { name, purpose, certificateDir, clock, log } = options;
  return {
    name: `${name}-certificate`,
    async run(signal, ready) {
      let woken = new AbortController();
      const paths = (): readonly string[] => [
        currentPath(certificateDir, purpose.fileName),
        ...(options.alsoWatched ?? []),
      ];
      let seen = fileStamps(paths());
      // a write that fails makes and removes a file in the same directory: that is no reason to ask again at once
      const look = (): void => {
        if (fileStamps(paths()) !== seen) woken.abort();
      };
      const watched = new WatchedFiles({ paths, onChange: look, clock });
      const pause = async (ms: number): Promise<void> => {
        await sleep(Math.min(ms, LONGEST_SLEEP_MS), joinedSignal(woken.signal, signal), clock).catch(() => undefined);
        woken.abort();
      };
      ready();
      const share = options.random();
      let failures = 0;
      while (!signal.aborted) {
        woken = new AbortController();
        seen = fileStamps(paths());
        const stored = readStored(certificateDir, purpose.fileName);
        if (stored !== undefined && stored.notAfter > clock.now()) options.use(stored);
        const waitMs = stored === undefined ? 0 : rotateAt(stored.since, stored.notAfter, share) - clock.now();
        if (waitMs > 0) {
          failures = 0;
          await pause(waitMs);
          continue;
        }
        try {
          const isOver = stored !== undefined && stored.notAfter <= clock.now();
          if (!(isOver && (await options.recover?.(stored.notAfter, signal)))) await rotate(options, signal);
          failures = 0;
          await sleep(PAUSE_MS, signal, clock).catch(() => undefined);
        } catch (error) {
          if (signal.aborted) break;
          options.onFailure();
          log.warn({ because: errorMessage(error) }, `the ${name} certificate was not renewed; trying again`);
          const retryMs = Math.min(FIRST_RETRY_MS * 2 ** Math.min(failures, 10), MAX_RETRY_MS);
          failures += 1;
          await pause(retryMs);
        }
      }
      watched.close();
    },
  };
}

async function rotate(options: RotationOptions, signal: AbortSignal): Promise<void> {
  const { name, purpose, connection, certificateDir, nodeName, clock, log } = options;
  const key = generateKey();
  const deadline = deadlineSignal(REQUEST_MS, `the new ${name} certificate`, signal, clock);
  try {
    const onTrouble = (message: string): void => log.warn(message);
    const asked = { nodeName, purpose, key, clock, onTrouble };
    const cert = await requestNodeCertificate(connection, asked, deadline.signal);
    const pem = `${cert.trimEnd()}\n${privateKeyPem(key)}`;
    storeCertificate(certificateDir, purpose.fileName, pem, new Date(clock.now()));
    options.use({ cert: pem, key: pem });
    log.info({ until: endOf(cert) }, `the ${name} certificate was renewed`);
  } finally {
    deadline.release();
  }
}

function endOf(cert: string): string {
  return new Date(parseCertificate(cert).validTo).toISOString();
}
