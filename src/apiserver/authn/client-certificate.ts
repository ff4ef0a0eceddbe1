import { errorMessage } from '../../base/errors.ts';
import { certificateIdentity } from '../../pki/certificate.ts';
import type { ClientCertificate } from '../http.ts';
import {
  type AuthenticationResult,
  authenticated,
  authenticationFailed,
  NO_PROOF,
  type RequestAuthenticator,
} from './authenticator.ts';
import { EXTRA_CREDENTIAL_ID, userInfo } from './user.ts';

/** The certificate of the TLS connection: its common name is the user, its organizations are the groups. */
export const clientCertificateAuthenticator: RequestAuthenticator = {
  name: 'x509',
  async authenticate(request) {
    return request.clientCertificate === undefined ? NO_PROOF : certificateUser(request.clientCertificate);
  },
};

/** By certificate: a connection shows the same one with each of its requests. */
const USERS = new WeakMap<ClientCertificate, AuthenticationResult>();

/** The user of a certificate. One that the CA did not sign, that is out of its time or not made for clients fails; one without a name says nothing. */
export function certificateUser(certificate: ClientCertificate): AuthenticationResult {
  if (!certificate.verified)
    return authenticationFailed(`verifying the client certificate failed: ${certificate.problem}`);
  const known = USERS.get(certificate);
  if (known !== undefined) return known;
  const user = readUser(certificate);
  USERS.set(certificate, user);
  return user;
}

function readUser(certificate: ClientCertificate): AuthenticationResult {
  try {
    const identity = certificateIdentity(certificate.der);
    if (identity.commonName === '') return NO_PROOF;
    const [uid = ''] = identity.uids;
    if (identity.uids.length > 1) return authenticationFailed('the client certificate has several UIDs');
    if (identity.uids.length === 1 && uid === '')
      return authenticationFailed('the client certificate has an empty UID');
    const extra = new Map([[EXTRA_CREDENTIAL_ID, [`X509SHA256=${identity.fingerprintSha256}`]]]);
    return authenticated(userInfo(identity.commonName, identity.organizations, { uid, extra }));
  } catch (error) {
    return authenticationFailed(`the client certificate cannot be read: ${errorMessage(error)}`);
  }
}
