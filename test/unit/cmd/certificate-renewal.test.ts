import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ensureCertificates } from '../../../src/bootstrap/certificates/certificates.ts';
import { certificatePlan } from '../../../src/bootstrap/certificates/plan.ts';
import { authorityOf, managedCertificates } from '../../../src/bootstrap/certificates/renewal/inventory.ts';
import { renewCertificate } from '../../../src/bootstrap/certificates/renewal/renew.ts';
import { filesBelow } from '../../../src/bootstrap/files.ts';
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

it('renews in time what somebody has replaced by a certificate that ends soon, while the next look was an hour away', async () => {
  const clock = new FakeClock();
  const files = filesBelow(root);
  const lives = { leafMs: 90 * DAY, caMs: 3650 * DAY };
  ensureCertificates(certificatePlan(initSettings()), { pkiDir: files.pkiDir, lives, now: clock.now() }, () => {});
  const certificate = (): ReturnType<typeof parseCertificate> =>
    parseCertificate(readFileSync(`${files.pkiDir}/apiserver.crt`));
  const stop = new AbortController();
  const events: string[] = [];
  const running = certificateRenewal({
    files,
    lifeMs: 90 * DAY,
    events: { record: (_: unknown, _type: string, reason: string) => events.push(reason) } as unknown as EventRecorder,
    nodeName: 'n',
    registry: new Registry(),
    clock,
    log: createLogger({ daemon: 'test', level: 'silent' }),
  }).run(stop.signal, () => {});
  // the first look, and the one after the watch began
  await clock.advance(10_000);
  const before = certificate().fingerprint256;
  const managed = managedCertificates(files).find(({ name }) => name === 'apiserver');
  const issuer = authorityOf(files, 'ca');
  if (managed === undefined || issuer === undefined) throw new Error('there is no certificate to renew');
  const pem = readFileSync(`${files.pkiDir}/apiserver.crt`, 'utf8');
  renewCertificate(managed, pem, issuer, { now: clock.now(), lifeMs: 180_000 });
  const short = certificate().fingerprint256;
  expect(short).not.toBe(before);
  // inotify's word comes by the real clock
  const pending = clock.pending;
  await waitFor('the change to be told', async () => clock.pending > pending);
  // a tenth of its life was before now: two thirds are over after 102 s
  await clock.advance(95_000);
  expect(certificate().fingerprint256).toBe(short);
  await clock.advance(15_000);
  expect(certificate().fingerprint256).not.toBe(short);
  expect(Date.parse(certificate().validTo)).toBeGreaterThan(clock.now() + 89 * DAY);
  expect(events).toEqual(['CertificateRenewed']);
  stop.abort();
  await running;
});
