import { ensureCertificates, ensureServiceAccountKey } from '../certificates/certificates.ts';
import { certificatePlan } from '../certificates/plan.ts';
import { readMarker } from '../marker.ts';
import type { Say } from '../phases.ts';
import type { InitContext } from './context.ts';

export function sayCertificateFolder({ files }: InitContext, say: Say): void {
  say(`Using certificateDir folder "${files.pkiDir}"`);
}

/** Makes one certificate with its key, or checks the one that is there. Its CA has to stand already. Safe to repeat. */
export function writeCertificate(name: string, { settings, files, disk, clock }: InitContext, say: Say): void {
  const {
    certificateValidityMs: leafMs,
    caCertificateValidityMs: caMs,
    keyAlgorithm: algorithm,
    etcd,
  } = settings.cluster;
  const common = { pkiDir: files.pkiDir, algorithm, disk };
  if (name === 'sa') {
    ensureServiceAccountKey(common, say);
    return;
  }
  const rows = certificatePlan(settings).filter(row => row.name === name);
  if (rows.length === 0 && etcd.kind === 'external') say(`External etcd mode: Skipping ${name} certificate generation`);
  const made = readMarker(files)?.made ?? [];
  ensureCertificates(rows, { ...common, made, lives: { leafMs, caMs }, now: clock.now() }, say);
}
