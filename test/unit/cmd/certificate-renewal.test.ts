import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ensureCertificates } from '../../../src/bootstrap/certificates/certificates.ts';
import { certificatePlan } from '../../../src/bootstrap/certificates/plan.ts';
import { authorityOf, managedCertificates } from '../../../src/bootstrap/certificates/renewal/inventory.ts';
import { renewCertificate } from '../../../src/bootstrap/certificates/renewal/renew.ts';
import { type Files, filesBelow } from '../../../src/bootstrap/files.ts';
import type { EventRecorder } from '../../../src/client/event-recorder.ts';
import { certificateRenewal } from '../../../src/cmd/certificate-renewal.ts';
import { createLogger } from '../../../src/daemon/logger.ts';
import { Registry } from '../../../src/daemon/metrics.ts';
import { parseCertificate } from '../../../src/pki/certificate.ts';
import { FakeClock } from '../../harness/fake-clock.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { initSettings } from '../bootstrap/init-settings.ts';

const DAY = 86_400_000;
let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'gantry-renewal-'));
});
afterEach(() => rmSync(root, { recursive: true }));

/** A control plane with fresh certificates, kept new by a clock of the test. `onEvent` is called for each that is recorded. */
function renewal(onEvent: (reason: string) => void = () => {}) {
  const clock = new FakeClock();
  const files = filesBelow(root);
  const lives = { leafMs: 90 * DAY, caMs: 3650 * DAY };
  ensureCertificates(certificatePlan(initSettings()), { pkiDir: files.pkiDir, lives, now: clock.now() }, () => {});
  const ending = new AbortController();
  const events: string[] = [];
  const record = (_: unknown, _type: string, reason: string): void => {
    events.push(reason);
    onEvent(reason);
  };
  const registry = new Registry();
  const running = certificateRenewal({
    files,
    others: [],
    lifeMs: 90 * DAY,
    answers: () => Promise.resolve(true),
    events: { record } as unknown as EventRecorder,
    nodeName: 'n',
    registry,
    clock,
    log: createLogger({ daemon: 'test', level: 'silent' }),
  }).run(ending.signal, () => {});
  const failures = async (): Promise<number | undefined> =>
    (await registry.getSingleMetric('gantry_certificate_renewal_failures_total')?.get())?.values[0]?.value;
  const stop = async (): Promise<void> => {
    ending.abort();
    await running;
  };
  return { clock, files, events, failures, stop };
}

/** Puts one there that holds for three minutes. A tenth of its life was before now: two thirds are over after 102 s. */
function shorten(certificate: string, files: Files, now: number): void {
  const managed = managedCertificates(files).find(({ name }) => name === certificate);
  const issuer = managed === undefined ? undefined : authorityOf(files, managed.authority);
  if (managed?.at.form !== 'pair' || issuer === undefined) throw new Error('there is no certificate to renew');
  renewCertificate(managed, readFileSync(managed.at.certificate, 'utf8'), issuer, { now, lifeMs: 180_000 });
}

it('renews in time what somebody has replaced by a certificate that ends soon, while the next look was an hour away', async () => {
  const { clock, files, events, stop } = renewal();
  const certificate = (): ReturnType<typeof parseCertificate> =>
    parseCertificate(readFileSync(`${files.pkiDir}/apiserver.crt`));
  // the first look
  await clock.advance(10_000);
  const before = certificate().fingerprint256;
  shorten('apiserver', files, clock.now());
  const short = certificate().fingerprint256;
  expect(short).not.toBe(before);
  // inotify's word comes by the real clock
  const pending = clock.pending;
  await waitFor('the change to be told', async () => clock.pending > pending);
  await clock.advance(95_000);
  expect(certificate().fingerprint256).toBe(short);
  await clock.advance(15_000);
  expect(certificate().fingerprint256).not.toBe(short);
  expect(Date.parse(certificate().validTo)).toBeGreaterThan(clock.now() + 89 * DAY);
  expect(events).toEqual(['CertificateRenewed']);
  await stop();
});

it('pauses after a renewal that failed, though it has made and removed a file there, until a certificate is another', async () => {
  let pki = '';
  // what a write leaves that may not put its file in place, or finds the disk full
  const { clock, files, events, failures, stop } = renewal(reason => {
    if (reason !== 'CertificateRenewalFailed') return;
    writeFileSync(`${pki}/front-proxy-client.crt.tmp-12345678`, '');
    rmSync(`${pki}/front-proxy-client.crt.tmp-12345678`);
  });
  pki = files.pkiDir;
  shorten('front-proxy-client', files, clock.now());
  const key = readFileSync(`${pki}/front-proxy-client.key`);
  rmSync(`${pki}/front-proxy-client.key`);
  await clock.advance(10_000);
  expect(events).toEqual([]);
  const failed = (): number => events.filter(reason => reason === 'CertificateRenewalFailed').length;
  await clock.advance(100_000);
  const before = failed();
  expect(before).toBeGreaterThan(0);
  for (let second = 0; second < 50; second += 1) {
    // inotify's word comes by the real clock
    await sleep(10);
    await clock.advance(1000);
  }
  expect(failed() - before).toBeLessThanOrEqual(1);
  expect(await failures()).toBe(failed());
  writeFileSync(`${pki}/front-proxy-client.key`, key);
  await waitFor('the key to be seen', async () => {
    await clock.advance(300);
    return events.at(-1) === 'CertificateRenewed';
  });
  expect(failed() - before).toBeLessThanOrEqual(1);
  await stop();
});
