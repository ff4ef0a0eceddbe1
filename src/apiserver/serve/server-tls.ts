import { constants } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { errorMessage, invalidArgument } from '../../base/errors.ts';
import { authoritiesOf } from './client-certificates.ts';

/** The certificate of the server and the CA of its clients, in PEM. */
export interface ServerTls {
  readonly certificate: string;
  readonly key: string;
  /** Who signs client certificates; without it no certificate is asked for. */
  readonly clientCa?: string;
}

/** Throws `invalid-argument` where the certificate and the key do not go together or one of the three cannot be read. */
export function checkServerTls(tls: ServerTls): void {
  try {
    createSecureContext(secureContext(tls));
  } catch (error) {
    throw invalidArgument(`the certificate and the key of the server cannot be used: ${errorMessage(error)}`);
  }
  if (tls.clientCa === undefined) return;
  let authorities: readonly unknown[];
  try {
    authorities = authoritiesOf(tls.clientCa);
  } catch (error) {
    throw invalidArgument(`the client CA cannot be read: ${errorMessage(error)}`);
  }
  if (authorities.length === 0) throw invalidArgument('the client CA holds no certificate');
}

/** What Node's server takes. Reads nothing of it: see `checkServerTls`. Pure. */
export function secureContext(tls: ServerTls): {
  cert: string;
  key: string;
  ca?: string;
  minVersion: 'TLSv1.2';
  secureOptions: number;
} {
  return {
    cert: tls.certificate,
    key: tls.key,
    ...(tls.clientCa === undefined ? {} : { ca: tls.clientCa }),
    minVersion: 'TLSv1.2',
    // A resumed session would bring back a certificate that was judged under an older CA.
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}
