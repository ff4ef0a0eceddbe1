import { GantryError } from '../../base/errors.ts';

/** Why a server gave no answer. */
export interface EndpointProblem {
  /** One line: what is wrong and what to do. */
  readonly message: string;
  /** It may pass within seconds, as where a server starts again. */
  readonly mayPass: boolean;
}

/** A server that gave no answer, or none that can be used. */
export class EndpointError extends GantryError {
  constructor({ message }: Pick<EndpointProblem, 'message'>) {
    super('unavailable', message);
  }
}

interface ConnectError {
  readonly code?: string | undefined;
  readonly message: string;
}

const REACH = 'is its address right, and is "gantry status" well there';

/** What stopped a request, in words for who typed the address. Pure. */
export function endpointProblem(
  url: string,
  { code = '', message }: ConnectError,
  patienceMs: number,
): EndpointProblem {
  const { host, hostname } = new URL(url);
  const problem = (text: string, mayPass = false): EndpointProblem => ({ message: text, mayPass });
  const seconds = patienceMs / 1000;
  switch (code) {
    case 'ENOTFOUND':
      return problem(
        `the name ${hostname} does not resolve: check it and /etc/resolv.conf, or give an address in its place`,
      );
    case 'EAI_AGAIN':
      return problem(
        `the name ${hostname} could not be resolved, because no name server answers: check /etc/resolv.conf, or give an address in its place`,
      );
    case 'ECONNREFUSED':
      return problem(`nothing listens at ${host} (connection refused): ${REACH}?`, true);
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return problem(
        `there is no route to ${host} (${code === 'ENETUNREACH' ? 'network is unreachable' : 'no route to host'}): check "ip route get ${hostname.replace(/^\[|\]$/g, '')}" here, and that the other machine is on`,
        code === 'EHOSTUNREACH',
      );
    case 'ETIMEDOUT':
      return problem(
        `${host} did not answer within ${seconds} s: does the name or address lead to the control plane, and does a firewall let this port through?`,
      );
    case 'ECONNRESET':
    case 'EPIPE':
      return problem(
        `${host} ended the connection before it answered: is it the API server, or a load balancer that has none behind it?`,
        true,
      );
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return problem(
        `the certificate of the API server does not hold for ${hostname}: join by a name or address that is in it, or run "gantry init --apiserver-cert-extra-sans ${hostname}" on the control plane (${message})`,
      );
    case 'CERT_HAS_EXPIRED':
      return problem(
        `the certificate of ${host} has expired by this machine's clock: see "gantry certs check-expiration" on the control plane, and the clock here`,
      );
    case 'CERT_NOT_YET_VALID':
      return problem(
        `the certificate of ${host} does not hold yet by this machine's clock: set the clock ("timedatectl set-ntp true") and join again`,
      );
    case 'ETOOLONG':
      return problem(`what answers at ${host} is no Kubernetes API server: its answer is longer than 1 MiB`);
    default:
      return tlsProblem(host, code, message);
  }
}

/** Errors of OpenSSL have codes of its own, a family each. */
function tlsProblem(host: string, code: string, message: string): EndpointProblem {
  if (code === 'EPROTO' || code.startsWith('ERR_SSL') || code.startsWith('HPE_'))
    return {
      message: `what listens at ${host} does not speak HTTPS, so it is no Kubernetes API server: is the port right (6443 unless init was told otherwise)?`,
      mayPass: false,
    };
  if (/self.signed|unable to (get|verify)|UNABLE_TO|DEPTH_ZERO|SELF_SIGNED/i.test(`${code} ${message}`))
    return {
      message: `the certificate of ${host} is not signed by the CA that was expected (${message}): is it the API server of this cluster?`,
      mayPass: false,
    };
  return { message: `${host} could not be asked: ${message}`, mayPass: false };
}
