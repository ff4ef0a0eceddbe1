import { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { decodePem } from '../../pki/pem.ts';
import type { ClientCertificate } from '../http.ts';

/** Longer chains are not looked for. */
const MAX_CHAIN = 8;

/** What a connection showed in its handshake, and what was last found out about it. */
interface Shown {
  readonly leaf: X509Certificate;
  readonly others: readonly X509Certificate[];
  /** Empty where the handshake found nothing wrong. */
  readonly handshakeProblem: string;
  verdict: Verdict | undefined;
}

interface Verdict {
  readonly certificate: ClientCertificate;
  readonly judgedUnder: readonly X509Certificate[];
  /** Outside of this the certificate is judged anew. */
  readonly from: number;
  readonly until: number;
}

/**
 * The client certificates of connections, judged for each request: a connection lives longer than certificates and CAs may. The handshake checks what
 * it checks once, the purpose among it; that the newest CA stands behind a certificate, and that all of them are within their time, is looked at again.
 */
export class ClientCertificates {
  readonly #connections = new WeakMap<object, { readonly shown: Shown | undefined }>();
  #authorities: readonly X509Certificate[];

  /** `clientCa`: PEM, one certificate or several. */
  constructor(clientCa: string) {
    this.#authorities = authoritiesOf(clientCa);
  }

  /** From the next request on certificates have to be signed by one of these. */
  replace(clientCa: string): void {
    this.#authorities = authoritiesOf(clientCa);
  }

  /** What the client of a connection showed, judged at this time; undefined where it showed nothing. `connection` is what lives as long as the socket. */
  of(connection: object, socket: TLSSocket, now: number): ClientCertificate | undefined {
    let known = this.#connections.get(connection);
    if (known === undefined) {
      known = { shown: shownBy(socket) };
      this.#connections.set(connection, known);
    }
    const { shown } = known;
    if (shown === undefined) return undefined;
    const { verdict } = shown;
    const stands =
      verdict !== undefined && verdict.judgedUnder === this.#authorities && now >= verdict.from && now <= verdict.until;
    if (!stands) shown.verdict = judge(shown, this.#authorities, now);
    return shown.verdict?.certificate;
  }
}

/** The certificates of a PEM text. Throws where one of them cannot be read. */
export function authoritiesOf(pem: string): readonly X509Certificate[] {
  return decodePem('CERTIFICATE', pem).map(der => new X509Certificate(der));
}

function shownBy(socket: TLSSocket): Shown | undefined {
  const leaf = socket.getPeerX509Certificate?.();
  if (leaf === undefined) return undefined;
  const others: X509Certificate[] = [];
  // The last of the chain names itself as its issuer.
  let link = socket.getPeerCertificate(true);
  while (others.length < MAX_CHAIN && link?.issuerCertificate !== undefined && link.issuerCertificate !== link) {
    link = link.issuerCertificate;
    others.push(new X509Certificate(link.raw));
  }
  const handshakeProblem = socket.authorized ? '' : String(socket.authorizationError ?? 'unknown reason');
  return { leaf, others, handshakeProblem, verdict: undefined };
}

function judge(
  { leaf, others, handshakeProblem }: Shown,
  authorities: readonly X509Certificate[],
  now: number,
): Verdict {
  const refusal = (problem: string): Verdict => ({
    certificate: { der: leaf.raw, verified: false, problem },
    judgedUnder: authorities,
    from: now,
    until: now,
  });
  if (handshakeProblem !== '') return refusal(handshakeProblem);
  const path = pathTo(leaf, others, authorities, now, MAX_CHAIN);
  if (path === undefined)
    return refusal(within(leaf, now) ? 'no valid client CA stands behind it any more' : outOfTime(leaf, now));
  return {
    certificate: { der: leaf.raw, verified: true, problem: '' },
    judgedUnder: authorities,
    from: Math.max(...path.map(each => Date.parse(each.validFrom))),
    until: Math.min(...path.map(each => Date.parse(each.validTo))),
  };
}

/** A chain of signatures from a certificate to one of the authorities, all of it within its time. */
function pathTo(
  certificate: X509Certificate,
  others: readonly X509Certificate[],
  authorities: readonly X509Certificate[],
  now: number,
  left: number,
): readonly X509Certificate[] | undefined {
  if (left === 0 || !within(certificate, now)) return undefined;
  const isIssuer = (each: X509Certificate): boolean =>
    each.ca && certificate.checkIssued(each) && certificate.verify(each.publicKey);
  const authority = authorities.find(each => within(each, now) && isIssuer(each));
  if (authority !== undefined) return [certificate, authority];
  for (const [index, other] of others.entries()) {
    if (!isIssuer(other)) continue;
    const rest = pathTo(other, others.toSpliced(index, 1), authorities, now, left - 1);
    if (rest !== undefined) return [certificate, ...rest];
  }
  return undefined;
}

function within(certificate: X509Certificate, now: number): boolean {
  return now >= Date.parse(certificate.validFrom) && now <= Date.parse(certificate.validTo);
}

function outOfTime(certificate: X509Certificate, now: number): string {
  const when = new Date(now).toISOString();
  return `it is ${when}, and the certificate is valid from ${certificate.validFrom} to ${certificate.validTo}`;
}
