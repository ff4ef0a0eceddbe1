import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import type { Clock } from '../../base/clock.ts';
import { sleep } from '../../base/signals.ts';
import type { Component } from '../../daemon/component.ts';
import type { Logger } from '../../daemon/logger.ts';
import { writeFileAtomic } from '../../linux/atomic-file.ts';
import { certificatePem, parseCertificate, selfSignedCertificate, signCertificate } from '../../pki/certificate.ts';
import { generateKey, privateKeyPem, publicHalf, publicKeyPem, readPrivateKey } from '../../pki/keys.ts';
import type { CertificateWithKey, ServingPair } from './serving-pair.ts';

const HOUR_MS = 3_600_000;
/** Upstream's. */
export const SERVING_LIFE_MS = 365 * 24 * HOUR_MS;
/** Timers hold no longer times, and a clock may be set meanwhile. */
const LONGEST_SLEEP_MS = HOUR_MS;

interface ServedNode {
  readonly name: string;
  readonly ips: readonly string[];
}

/**
 * The certificate that the kubelet serves with where none is given: made once, signed by a CA that is thrown away, and kept as `kubelet.crt` and `kubelet.key`. Nobody
 * can check it, and the API server does not by default. One whose life is over by two thirds, or that is for other names, is made anew, to hold for `lifeMs`.
 */
export function servingCertificate(
  directory: string,
  node: ServedNode,
  now: number,
  lifeMs = SERVING_LIFE_MS,
): CertificateWithKey {
  const certFile = `${directory}/kubelet.crt`;
  const keyFile = `${directory}/kubelet.key`;
  if (existsSync(certFile) && existsSync(keyFile)) {
    const kept = { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
    if (isGood(kept, node, now)) return kept;
  }
  const made = make(node, now, lifeMs);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  writeFileAtomic(keyFile, made.key, { mode: 0o600 });
  writeFileAtomic(certFile, made.cert, { mode: 0o644 });
  return made;
}

/** Makes the certificate anew when two thirds of its life are over, for as long as the signal lasts. New connections are served with it. */
export function servingRenewal(options: {
  readonly pair: ServingPair;
  readonly directory: string;
  readonly node: ServedNode;
  readonly lifeMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}): Component {
  const { pair, directory, node, lifeMs, clock, log } = options;
  return {
    name: 'serving-certificate',
    async run(signal, ready) {
      ready();
      while (!signal.aborted) {
        const waitMs = renewalTime(pair.current.cert) - clock.now();
        if (waitMs > 0) {
          await sleep(Math.min(waitMs, LONGEST_SLEEP_MS), signal, clock).catch(() => undefined);
          continue;
        }
        const made = servingCertificate(directory, node, clock.now(), lifeMs);
        pair.replace(made);
        const until = new Date(parseCertificate(made.cert).validTo).toISOString();
        log.info({ until }, 'the serving certificate of the kubelet was made anew');
      }
    },
  };
}

function renewalTime(cert: string): number {
  const { validFrom, validTo } = parseCertificate(cert);
  const notBefore = Date.parse(validFrom);
  return notBefore + ((Date.parse(validTo) - notBefore) * 2) / 3;
}

function isGood(kept: CertificateWithKey, node: ServedNode, now: number): boolean {
  try {
    const certificate = parseCertificate(kept.cert);
    return (
      renewalTime(kept.cert) > now &&
      // a kill between the two files leaves a pair that does not belong together
      certificate.publicKey.export({ type: 'spki', format: 'pem' }) ===
        publicKeyPem(publicHalf(readPrivateKey(kept.key))) &&
      certificate.checkHost(node.name) !== undefined &&
      node.ips.every(ip => certificate.checkIP(ip) !== undefined)
    );
  } catch {
    return false;
  }
}

function make({ name, ips }: ServedNode, now: number, lifeMs: number): CertificateWithKey {
  const stamp = `${name}@${Math.floor(now / 1000)}`;
  // dated back, because clocks are apart, but by no large part of a short life
  const dates = { notBefore: new Date(now - Math.min(HOUR_MS, lifeMs / 10)), notAfter: new Date(now + lifeMs) };
  const caKey = generateKey();
  const ca = selfSignedCertificate(
    {
      subject: { commonName: `${name}-ca@${Math.floor(now / 1000)}`, organizations: [] },
      publicKey: caKey,
      ...dates,
      keyUsages: ['keyCertSign', 'digitalSignature'],
      ca: {},
    },
    caKey,
  );
  const key = generateKey();
  const cert = signCertificate(
    {
      subject: { commonName: stamp, organizations: [] },
      publicKey: key,
      ...dates,
      keyUsages: ['digitalSignature'],
      extendedKeyUsages: ['serverAuth'],
      subjectAltNames: { dnsNames: [name], ipAddresses: ips.filter(ip => isIP(ip) !== 0) },
    },
    { certificate: parseCertificate(ca), key: caKey },
  );
  return { cert: certificatePem(cert) + certificatePem(ca), key: privateKeyPem(key) };
}
