import { createHash, type KeyObject } from 'node:crypto';
import type { CertificateSigningRequest, KeyUsage } from '../../api/types/gen/certificates-v1.ts';
import type { Clock } from '../../base/clock.ts';
import { failedPrecondition, isAlreadyExists } from '../../base/errors.ts';
import { joinedSignal } from '../../base/signals.ts';
import type { ApiConnection } from '../../client/connection.ts';
import { runInformer } from '../../client/informer.ts';
import { ObjectStore } from '../../client/object-store.ts';
import { ResourceClient } from '../../client/resource-client.ts';
import { faultPoint } from '../../linux/fault-point.ts';
import { createCertificateRequest } from '../../pki/certificate-request.ts';
import type { DistinguishedName } from '../../pki/distinguished-name.ts';
import type { SubjectAltNames } from '../../pki/extensions.ts';
import { publicHalf, spkiDer } from '../../pki/keys.ts';

const REQUESTS = { group: 'certificates.k8s.io', version: 'v1', plural: 'certificatesigningrequests' };
const ORGANIZATION = 'system:nodes';

/** What a kubelet asks a certificate for. */
export interface CertificatePurpose {
  /** Of the files that it is kept in: `<fileName>-current.pem`. */
  readonly fileName: string;
  readonly signer: string;
  readonly usages: readonly KeyUsage[];
  readonly names?: SubjectAltNames;
}

export const CLIENT_PURPOSE: CertificatePurpose = {
  fileName: 'kubelet-client',
  signer: 'kubernetes.io/kube-apiserver-client-kubelet',
  usages: ['digital signature', 'client auth'],
};

/** A certificate for the kubelet's own server. Upstream approves none by itself: whoever reaches the kubelet's key could ask for any name. */
export function servingPurpose(node: { readonly name: string; readonly ips: readonly string[] }): CertificatePurpose {
  return {
    fileName: 'kubelet-server',
    signer: 'kubernetes.io/kubelet-serving',
    usages: ['digital signature', 'server auth'],
    names: { dnsNames: [node.name], ipAddresses: node.ips },
  };
}

/** The request was denied, or its signer failed: asking again with the same key would find the same answer. */
export class RequestRefused extends Error {}

/** The same key asks by the same name: a kubelet that was killed while it waited finds the request that it made. As upstream digests it. */
export function requestName(key: KeyObject, nodeName: string, { usages }: Pick<CertificatePurpose, 'usages'>): string {
  const hash = createHash('sha512-256');
  hash.update(`${spkiDer(publicHalf(key)).toString('base64url')}|`);
  for (const part of [`system:node:${nodeName}`, ORGANIZATION, ...usages])
    hash.update(`${Buffer.from(part).toString('base64url')}|`);
  return `node-csr-${hash.digest('base64url')}`;
}

/** What became of a request. Pure. */
export function requestOutcome(
  request: CertificateSigningRequest,
): { readonly certificate: string } | { readonly refused: string } | undefined {
  const { conditions = [], certificate = '' } = request.status ?? {};
  const refusal = conditions.find(c => (c.type === 'Denied' || c.type === 'Failed') && c.status !== 'False');
  if (refusal !== undefined) {
    const why = [refusal.reason, refusal.message].filter(text => text !== undefined && text !== '').join(': ');
    const what = refusal.type === 'Denied' ? 'was denied' : 'could not be signed';
    return {
      refused: `the certificate signing request ${request.metadata.name} ${what}${why === '' ? '' : `: ${why}`}`,
    };
  }
  return certificate === '' ? undefined : { certificate: Buffer.from(certificate, 'base64').toString() };
}

/**
 * Asks the control plane for a certificate of this node and waits until it is there: its PEM. Throws RequestRefused, `unavailable` when the server cannot be
 * reached at the start, and the signal's reason. A watch that breaks is taken up again.
 */
export async function requestNodeCertificate(
  connection: ApiConnection,
  options: {
    readonly nodeName: string;
    readonly purpose: CertificatePurpose;
    readonly key: KeyObject;
    readonly clock: Clock;
    readonly onTrouble: (message: string) => void;
  },
  signal: AbortSignal,
): Promise<string> {
  const { nodeName, purpose, key, clock, onTrouble } = options;
  const client = new ResourceClient<CertificateSigningRequest>(connection, REQUESTS);
  const name = requestName(key, nodeName, purpose);
  const subject = { commonName: `system:node:${nodeName}`, organizations: [ORGANIZATION] };
  await createOnce(client, { name, purpose, subject, key }, signal);
  faultPoint('node-credentials/requested');
  const done = new AbortController();
  let outcome: ReturnType<typeof requestOutcome> | undefined;
  await runInformer(
    {
      client,
      store: new ObjectStore<CertificateSigningRequest>(),
      fieldSelector: `metadata.name=${name}`,
      onChange: ({ after }) => {
        outcome =
          after === undefined
            ? { refused: `the certificate signing request ${name} was deleted` }
            : requestOutcome(after);
        if (outcome !== undefined) done.abort();
      },
      clock,
      random: Math.random,
      onTrouble,
    },
    joinedSignal(done.signal, signal),
    () => {},
  );
  done.abort();
  if (outcome === undefined) throw signal.reason ?? failedPrecondition('the wait for the certificate ended');
  if ('refused' in outcome) throw new RequestRefused(outcome.refused);
  return outcome.certificate;
}

async function createOnce(
  client: ResourceClient<CertificateSigningRequest>,
  asked: {
    readonly name: string;
    readonly purpose: CertificatePurpose;
    readonly subject: DistinguishedName;
    readonly key: KeyObject;
  },
  signal: AbortSignal,
): Promise<void> {
  const { name, purpose, subject, key } = asked;
  const { signer, usages, names } = purpose;
  const spec = { subject, ...(names === undefined ? {} : { subjectAltNames: names }) };
  const request = Buffer.from(createCertificateRequest(spec, key)).toString('base64');
  try {
    await client.create(
      { metadata: { name }, spec: { request, signerName: signer, usages: [...usages] }, status: {} },
      signal,
    );
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}
