import { createHash, type KeyObject } from 'node:crypto';
import type { CertificateSigningRequest } from '../../api/types/gen/certificates-v1.ts';
import type { Clock } from '../../base/clock.ts';
import { failedPrecondition, isAlreadyExists } from '../../base/errors.ts';
import { joinedSignal } from '../../base/signals.ts';
import type { ApiConnection } from '../../client/connection.ts';
import { runInformer } from '../../client/informer.ts';
import { ObjectStore } from '../../client/object-store.ts';
import { ResourceClient } from '../../client/resource-client.ts';
import { faultPoint } from '../../linux/fault-point.ts';
import { createCertificateRequest } from '../../pki/certificate-request.ts';
import { publicHalf, spkiDer } from '../../pki/keys.ts';

const REQUESTS = { group: 'certificates.k8s.io', version: 'v1', plural: 'certificatesigningrequests' };
const SIGNER = 'kubernetes.io/kube-apiserver-client-kubelet';
const USAGES = ['digital signature', 'client auth'] as const;
const ORGANIZATION = 'system:nodes';

/** The request was denied, or its signer failed: asking again with the same key would find the same answer. */
export class RequestRefused extends Error {}

/** The same key asks by the same name: a kubelet that was killed while it waited finds the request that it made. As upstream digests it. */
export function requestName(key: KeyObject, nodeName: string): string {
  const hash = createHash('sha512-256');
  hash.update(`${spkiDer(publicHalf(key)).toString('base64url')}|`);
  for (const part of [`system:node:${nodeName}`, ORGANIZATION, ...USAGES])
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
 * Asks the control plane for this node's client certificate and waits until it is there: its PEM. Throws RequestRefused, `unavailable` when the server cannot be
 * reached at the start, and the signal's reason. A watch that breaks is taken up again.
 */
export async function requestNodeCertificate(
  connection: ApiConnection,
  options: {
    readonly nodeName: string;
    readonly key: KeyObject;
    readonly clock: Clock;
    readonly onTrouble: (message: string) => void;
  },
  signal: AbortSignal,
): Promise<string> {
  const { nodeName, key, clock, onTrouble } = options;
  const client = new ResourceClient<CertificateSigningRequest>(connection, REQUESTS);
  const name = requestName(key, nodeName);
  await createOnce(client, name, nodeName, key, signal);
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
  name: string,
  nodeName: string,
  key: KeyObject,
  signal: AbortSignal,
): Promise<void> {
  const subject = { commonName: `system:node:${nodeName}`, organizations: [ORGANIZATION] };
  const request = Buffer.from(createCertificateRequest({ subject }, key)).toString('base64');
  try {
    await client.create(
      { metadata: { name }, spec: { request, signerName: SIGNER, usages: USAGES }, status: {} },
      signal,
    );
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}
