import { certificateIdentity, parseCertificate } from '../../pki/certificate.ts';
import { spkiPin } from '../../pki/keys.ts';
import { pemBlocks } from '../../pki/pem.ts';

/** What kubelet.conf says of the node that this machine is. */
export interface StandingNode {
  /** PEM; undefined where its credentials are of another kind. */
  readonly certificate: string | undefined;
  readonly server: string;
  /** PEM, of one or several CAs. */
  readonly ca: string | undefined;
}

/** What `join` was told of the node and the cluster. */
export interface AskedNode {
  readonly nodeName: string;
  /** By which the CA is to be known; empty where nobody has pinned it. */
  readonly pins: readonly string[];
  /** `HOST:PORT`; undefined where a file says it. */
  readonly endpoint: string | undefined;
}

const USER = 'system:node:';

/** The name of the node in a certificate of its kubelet; undefined where it is nobody's. Pure. */
export function standingName({ certificate }: Pick<StandingNode, 'certificate'>): string | undefined {
  if (certificate === undefined) return undefined;
  const { commonName } = certificateIdentity(parseCertificate(certificate).raw);
  return commonName.startsWith(USER) ? commonName.slice(USER.length) : undefined;
}

/** Whether the cluster that is asked for is that of the node, by what was told alone. `unknown` where it has to be asked for its CA. Pure. */
export function isSameCluster({ server, ca }: StandingNode, { pins, endpoint }: AskedNode): boolean | 'unknown' {
  if (pins.length > 0 && ca !== undefined) {
    const wanted = pins.map(pin => pin.toLowerCase());
    return pinsOf(ca).some(pin => wanted.includes(pin));
  }
  const told = `https://${endpoint}`;
  return endpoint !== undefined && URL.canParse(told) && new URL(server).host === new URL(told).host ? true : 'unknown';
}

/** True where two bundles have a CA in common, by its key. Pure. */
export function shareAuthority(one: string, other: string): boolean {
  const pins = pinsOf(other);
  return pinsOf(one).some(pin => pins.includes(pin));
}

function pinsOf(bundle: string): readonly string[] {
  return pemBlocks(bundle)
    .filter(({ label }) => label === 'CERTIFICATE')
    .map(({ content }) => spkiPin(parseCertificate(content).publicKey));
}
