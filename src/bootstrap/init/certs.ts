import { ensureCertificates, ensureServiceAccountKey } from '../certificates/certificates.ts';
import { certificatePlan } from '../certificates/plan.ts';
import type { Say } from '../phases.ts';
import type { InitContext } from './context.ts';

export function sayCertificateFolder({ files }: InitContext, say: Say): void {
  say(`Using certificateDir folder "${files.pkiDir}"`);
}

/** Makes one certificate with its key, or checks the one that is there. Its CA has to stand already. Safe to repeat. */
export function writeCertificate(name: string, { settings, files, clock }: InitContext, say: Say): void {
  if (name === 'sa') {
    ensureServiceAccountKey(files.pkiDir, say);
    return;
  }
  const { certificateValidityMs: leafMs, caCertificateValidityMs: caMs } = settings.cluster;
  const rows = certificatePlan(settings).filter(row => row.name === name);
  ensureCertificates(rows, { pkiDir: files.pkiDir, lives: { leafMs, caMs }, now: clock.now() }, say);
}
