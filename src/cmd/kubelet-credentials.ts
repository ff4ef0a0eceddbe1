import { existsSync } from 'node:fs';
import { systemClock } from '../base/clock.ts';
import { failedPrecondition } from '../base/errors.ts';
import { ApiConnection } from '../client/connection.ts';
import { readKubeconfig } from '../client/kubeconfig.ts';
import type { Component } from '../daemon/component.ts';
import type { Logger } from '../daemon/logger.ts';
import { CLIENT_PURPOSE } from '../kubelet/credentials/certificate-request.ts';
import { readStored, storeCertificate } from '../kubelet/credentials/certificate-store.ts';
import { certificateRotation } from '../kubelet/credentials/rotate-certificate.ts';
import { bootstrapCredentials, expiredCredentials, ownCredentials } from '../kubelet/credentials/tls-bootstrap.ts';
import { certificateIdentity, parseCertificate } from '../pki/certificate.ts';
import { kubeconfigCertificate } from './client-certificate.ts';

/** Whose credentials, and where they are kept. */
export interface CredentialPlaces {
  readonly nodeName: string;
  readonly kubeconfig: string;
  readonly bootstrapKubeconfig: string | undefined;
  readonly certificateDir: string;
  readonly userAgent: string;
  readonly log: Logger;
}

/** The connection of a node to its API server; with a bootstrap kubeconfig it waits until it has credentials. */
export async function nodeConnection(places: CredentialPlaces): Promise<ApiConnection> {
  const { kubeconfig, bootstrapKubeconfig, userAgent } = places;
  const endpoint =
    bootstrapKubeconfig === undefined
      ? readKubeconfig(kubeconfig)
      : await bootstrapCredentials(
          { ...places, bootstrapKubeconfig, clock: systemClock },
          new AbortController().signal,
        );
  return new ApiConnection(endpoint, { userAgent });
}

/** What keeps the client certificate of a node new: its own requests where it may make them, else whoever writes its kubeconfig. */
export function clientCertificateUpkeep(
  places: CredentialPlaces,
  connection: ApiConnection,
  { rotates, onFailure }: { readonly rotates: boolean; readonly onFailure: () => void },
): readonly Component[] {
  const { nodeName, kubeconfig, bootstrapKubeconfig, certificateDir, log } = places;
  const clock = systemClock;
  if (!rotates || !keepOwn(places, connection.endpoint.certificate))
    return kubeconfigCertificate(kubeconfig, connection, { clock, log });
  const rotation = certificateRotation({
    name: 'client',
    purpose: CLIENT_PURPOSE,
    connection,
    certificateDir,
    nodeName,
    use: pair => connection.replaceCertificate(pair),
    recover: async (expiredAt, signal) => {
      const own = ownCredentials(kubeconfig, certificateDir, clock.now());
      if (own !== undefined && own.until > clock.now()) return keepOwn(places, own.endpoint.certificate);
      if (bootstrapKubeconfig === undefined || !existsSync(bootstrapKubeconfig))
        throw failedPrecondition(expiredCredentials(expiredAt));
      await bootstrapCredentials({ ...places, bootstrapKubeconfig, clock }, signal);
      return true;
    },
    alsoWatched: [kubeconfig, ...(bootstrapKubeconfig === undefined ? [] : [bootstrapKubeconfig])],
    onFailure,
    clock,
    random: Math.random,
    log,
  });
  return [rotation];
}

/** Keeps the node's certificate of its kubeconfig where it keeps those that it asks for itself, as upstream. True where there is a certificate of this node now. */
function keepOwn(
  { nodeName, certificateDir }: CredentialPlaces,
  certificate: { readonly cert: string; readonly key: string } | undefined,
): boolean {
  const stored = readStored(certificateDir, CLIENT_PURPOSE.fileName);
  if (certificate === undefined || certificate.cert === stored?.cert) return stored !== undefined;
  const shown = parseCertificate(certificate.cert);
  if (certificateIdentity(shown.raw).commonName !== `system:node:${nodeName}`) return false;
  if (stored !== undefined && stored.notAfter >= Date.parse(shown.validTo)) return true;
  const pem = `${certificate.cert.trimEnd()}\n${certificate.key}`;
  storeCertificate(certificateDir, CLIENT_PURPOSE.fileName, pem, new Date(systemClock.now()));
  return true;
}
