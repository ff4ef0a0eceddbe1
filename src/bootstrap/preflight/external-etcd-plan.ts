import { error, type Finding, warning } from './finding.ts';

/** How an etcd that somebody else runs is reached. */
export interface ExternalEtcdAccess {
  readonly endpoints: readonly string[];
  /** Where its version is asked for. */
  readonly httpEndpoints: readonly string[];
  /** PEM files; empty where there is none. */
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
  /** This machine has begun to make a cluster on it before. */
  readonly isOurs: boolean;
}

/** What an endpoint did instead of answering. */
export interface EndpointFailure {
  /** Node's, or empty. */
  readonly code: string;
  readonly message: string;
  /** Asked without TLS, it answers. */
  readonly plainHttp?: boolean;
}

export interface ExternalEtcdFacts {
  readonly access: ExternalEtcdAccess;
  /** Of the files for TLS, each with its sentence. */
  readonly fileProblems: readonly string[];
  /** What each HTTP endpoint says that it is. */
  readonly versions: readonly {
    readonly endpoint: string;
    readonly version?: string;
    readonly failure?: EndpointFailure;
  }[];
  /** What each endpoint answers to a question for the keys of clusters: how many there are. Not asked where the version was not told. */
  readonly stores: readonly { readonly endpoint: string; readonly keys?: number; readonly failure?: EndpointFailure }[];
}

/** upstream's MinExternalEtcdVersion is 3.5.24; here what Debian 12 has will do. */
const LEAST_ETCD = [3, 4] as const;
const VERSION_CHECK = 'ExternalEtcdVersion';
/** OpenSSL's and Node's, for a server that spoke something else than TLS. */
const NO_TLS = /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|UNKNOWN_PROTOCOL|HTTP_REQUEST|UNEXPECTED_MESSAGE/;
const UNTRUSTED = /SELF_SIGNED|UNABLE_TO|DEPTH_ZERO|CERT_SIGNATURE_FAILURE|CERT_UNTRUSTED/;
const REFUSED = /ALERT|ECONNRESET|EPIPE|ERR_STREAM_PREMATURE_CLOSE/;

/** What speaks against an etcd that somebody else runs: by kubeadm's names where it has the check. Pure. */
export function externalEtcdFindings(facts: ExternalEtcdFacts): readonly Finding[] {
  const { access, fileProblems, versions, stores } = facts;
  return [
    ...fileProblems.map(message => error('ExternalEtcdClientCertificates', message)),
    ...versions.flatMap(({ endpoint, version = '', failure }) => {
      if (failure !== undefined)
        return [error(VERSION_CHECK, `${endpoint}: ${endpointProblem(endpoint, failure, access)}`)];
      const [major = Number.NaN, minor = Number.NaN] = version.split('.').map(Number);
      if (Number.isNaN(major + minor))
        return [error(VERSION_CHECK, `${endpoint}: what answers there tells no version of an etcd`)];
      if (major > LEAST_ETCD[0] || (major === LEAST_ETCD[0] && minor >= LEAST_ETCD[1])) return [];
      return [
        error(
          VERSION_CHECK,
          `this version requires etcd version >= ${LEAST_ETCD.join('.')}. Current version of ${endpoint}: ${version}`,
        ),
      ];
    }),
    ...stores.flatMap(({ endpoint, failure }) =>
      failure === undefined
        ? []
        : [
            error(
              'ExternalEtcdHealth',
              `${endpoint} tells its version and does not serve keys: ${failure.message}`,
              'etcdctl endpoint health, with the same endpoint and files',
            ),
          ],
    ),
    ...usedStore(facts),
  ];
}

/** A store in which there is a cluster already is taken over by the new one, as kubeadm does without a word. */
function usedStore({ access, stores }: ExternalEtcdFacts): readonly Finding[] {
  const used = stores.find(({ keys = 0 }) => keys > 0);
  if (access.isOurs || used === undefined) return [];
  return [
    warning(
      'ExternalEtcdData',
      `there are ${used.keys} keys below /registry/ in the external etcd already, of an older cluster or of one that runs: two clusters cannot share one`,
      'etcdctl del --prefix /registry/, unless they are to be kept for this cluster',
    ),
  ];
}

/** Why an endpoint was asked in vain, in words for who has configured it. Pure. */
export function endpointProblem(
  endpoint: string,
  { code, message, plainHttp = false }: EndpointFailure,
  { caFile, certFile }: Pick<ExternalEtcdAccess, 'caFile' | 'certFile'>,
): string {
  const { protocol, hostname } = new URL(endpoint);
  const secure = protocol === 'https:';
  if (code === 'ECONNREFUSED')
    return 'nothing listens there (connection refused): does etcd run, and listen for clients on this address?';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `the name ${hostname} does not resolve (${code})`;
  if (code === 'EHOSTUNREACH' || code === 'ENETUNREACH') return `there is no route to ${hostname} (${code})`;
  if (code === 'ETIMEDOUT')
    return `${message}: is the address right, does a firewall let the port through, and is etcd well there?`;
  if (!secure)
    return REFUSED.test(code) || /HPE_|HTTP 400/.test(`${code} ${message}`)
      ? `it does not speak plain HTTP (${message}): where etcd is set up for TLS, write https:// and give caFile, certFile and keyFile`
      : message;
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return `its certificate does not hold for ${hostname} (${message}): use a name or address that is in it`;
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID')
    return `its certificate ${code === 'CERT_HAS_EXPIRED' ? 'has expired' : 'does not hold yet'}, by this machine's clock`;
  if (UNTRUSTED.test(code)) return `its certificate is not signed by the CA in ${caFile} (${message})`;
  // what speaks TLS ends a connection after that, by an alert
  if (plainHttp || NO_TLS.test(code) || /before secure TLS connection was established/.test(message))
    return 'it does not speak TLS: where etcd is set up for plain HTTP, write http:// and leave caFile, certFile and keyFile out';
  if (REFUSED.test(code))
    return certFile === ''
      ? `it ends the connection (${message}): where it asks for client certificates, give certFile and keyFile`
      : `it does not take the client certificate ${certFile} (${message}): is it signed by the CA that etcd was told to trust (--trusted-ca-file), for client authentication?`;
  return message;
}
