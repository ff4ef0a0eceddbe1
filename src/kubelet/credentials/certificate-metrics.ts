import type { Clock } from '../../base/clock.ts';
import { Counter, Gauge, type Registry } from '../../daemon/metrics.ts';
import { parseCertificate } from '../../pki/certificate.ts';
import type { ServingPair } from '../serve/serving-pair.ts';
import { readStored } from './certificate-store.ts';

/** What tells how the certificates of this kubelet are. */
export interface CertificateMetrics {
  /** What is served with, from now on. */
  serving(pair: ServingPair): void;
  clientFailed(): void;
  servingFailed(): void;
}

/** Upstream's figures of the certificates that a kubelet renews; each is looked up when it is asked for. */
export function certificateMetrics(
  registry: Registry,
  { certificateDir, clock }: { readonly certificateDir: string; readonly clock: Clock },
): CertificateMetrics {
  const registers = [registry];
  let served: ServingPair | undefined;
  const ttl = (notAfter: number | undefined): number =>
    notAfter === undefined ? Number.POSITIVE_INFINITY : Math.round((notAfter - clock.now()) / 1000);
  new Gauge({
    name: 'kubelet_certificate_manager_client_ttl_seconds',
    help: "Seconds until the kubelet's client certificate expires, negative once it has, +Inf where it renews none.",
    registers,
    collect() {
      this.set(ttl(readStored(certificateDir, 'kubelet-client')?.notAfter));
    },
  });
  new Gauge({
    name: 'kubelet_certificate_manager_server_ttl_seconds',
    help: "Seconds until the kubelet's serving certificate expires, negative once it has.",
    registers,
    collect() {
      this.set(ttl(served === undefined ? undefined : Date.parse(parseCertificate(served.current.cert).validTo)));
    },
  });
  const client = new Counter({
    name: 'kubelet_certificate_manager_client_expiration_renew_errors',
    help: "Renewals of the kubelet's client certificate that failed.",
    registers,
  });
  const server = new Counter({
    name: 'kubelet_server_expiration_renew_errors',
    help: "Renewals of the kubelet's serving certificate that failed.",
    registers,
  });
  return {
    serving: pair => {
      served = pair;
    },
    clientFailed: () => client.inc(),
    servingFailed: () => server.inc(),
  };
}
