import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ensureCertificates, readIssuer } from '../../../../src/bootstrap/certificates/certificates.ts';
import { issueClientPair } from '../../../../src/bootstrap/certificates/issue.ts';
import { certificatePlan } from '../../../../src/bootstrap/certificates/plan.ts';
import type { ApiConnection } from '../../../../src/client/connection.ts';
import { createLogger } from '../../../../src/daemon/logger.ts';
import { CLIENT_PURPOSE } from '../../../../src/kubelet/credentials/certificate-request.ts';
import { storeCertificate } from '../../../../src/kubelet/credentials/certificate-store.ts';
import { certificateRotation } from '../../../../src/kubelet/credentials/rotate-certificate.ts';
import { FakeClock } from '../../../harness/fake-clock.ts';
import { waitFor } from '../../../harness/wait-for.ts';
import { initSettings } from '../../bootstrap/init-settings.ts';

const DAY = 86_400_000;
let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'gantry-rotation-'));
});
afterEach(() => rmSync(root, { recursive: true }));

it('pauses longer and longer after failures, though each has made and removed a file beside the certificate, until a watched file is another', async () => {
  const clock = new FakeClock();
  const directory = `${root}/pki`;
  const lives = { leafMs: 90 * DAY, caMs: 3650 * DAY };
  ensureCertificates(certificatePlan(initSettings()), { pkiDir: root, lives, now: clock.now() }, () => {});
  const subject = { commonName: 'system:node:n', organizations: ['system:nodes'] };
  const { cert, key } = issueClientPair(readIssuer(root, 'ca'), subject, clock.now() - 30 * DAY, 10 * DAY);
  storeCertificate(directory, CLIENT_PURPOSE.fileName, `${cert}${key}`, new Date(clock.now() - 30 * DAY));
  const attempts: number[] = [];
  const stop = new AbortController();
  const running = certificateRotation({
    name: 'client',
    purpose: CLIENT_PURPOSE,
    connection: {} as ApiConnection,
    certificateDir: directory,
    nodeName: 'n',
    use: () => {},
    recover: async () => {
      attempts.push(clock.monotonic());
      // what a write leaves that may not put its file in place, or finds the disk full
      writeFileSync(`${directory}/${CLIENT_PURPOSE.fileName}-now.pem.tmp-12345678`, '');
      rmSync(`${directory}/${CLIENT_PURPOSE.fileName}-now.pem.tmp-12345678`);
      throw new Error('no space left on device');
    },
    alsoWatched: [`${root}/kubelet.conf`],
    onFailure: () => {},
    clock,
    random: () => 0,
    log: createLogger({ daemon: 'test', level: 'silent' }),
  }).run(stop.signal, () => {});
  for (let look = 0; look < 60; look += 1) {
    // inotify's word comes by the real clock
    await pause(10);
    await clock.advance(500);
  }
  expect(attempts).toEqual([0, 2000, 6000, 14_000, 30_000]);
  writeFileSync(`${root}/kubelet.conf`, '{}');
  await waitFor('the kubeconfig to be seen', async () => {
    await clock.advance(50);
    return attempts.length > 5;
  });
  expect(attempts[5]).toBeLessThan(60_000);
  stop.abort();
  await running;
});
