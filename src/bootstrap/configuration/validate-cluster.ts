import { durationMs } from '../../api/duration.ts';
import type { ClusterConfiguration, ExternalEtcd, LocalEtcd } from '../../api/types/gen/kubeadm-v1beta4.ts';
import { type FieldError, forbidden, invalid, notSupported } from '../../api/validation/field-error.ts';
import { dns1123Subdomain } from '../../api/validation/names.ts';
import { type Cidr, parseCidr } from '../../base/cidr.ts';
import { isWithin } from '../../linux/real-place.ts';
import { KEY_ALGORITHMS } from '../../pki/key-algorithms.ts';
import { SHORTEST_LIFE_MS } from '../settings.ts';
import { certificateNames, extraArgs, hostPort, imageRepository, noPodFields, unitPath } from './field-rules.ts';

/** Fewest addresses of the service network: one is the tenth, of DNS. */
const LEAST_SERVICES = 10n;
/** A larger service network is more than the API server keeps a map of. */
const SERVICE_BITS = 20;
const NODE_MASK = 24;
const NODE_MASK_MOST = 16;

/** Directories of a node, of which `reset` leaves nothing (reset/names.ts). */
const REMOVED_WHOLE: readonly string[] = ['/var/lib/kubelet', '/var/lib/gantry', '/run/gantry', '/var/run/gantry'];

/** The rules of a ClusterConfiguration: kubeadm's with its texts, and what is not made here. */
export function validateClusterConfiguration(config: ClusterConfiguration): readonly FieldError[] {
  const { apiServer, controllerManager, scheduler, etcd, dns } = config;
  return [
    ...networking(config),
    ...certificateNames('apiServer.certSANs', apiServer.certSANs),
    ...extraArgs('apiServer.extraArgs', apiServer.extraArgs),
    ...extraArgs('controllerManager.extraArgs', controllerManager.extraArgs),
    ...extraArgs('scheduler.extraArgs', scheduler.extraArgs),
    ...noPodFields('apiServer', apiServer),
    ...noPodFields('controllerManager', controllerManager),
    ...noPodFields('scheduler', scheduler),
    ...unitPath('certificatesDir', config.certificatesDir),
    ...Object.keys(config.featureGates ?? {}).map(name =>
      invalid('featureGates', config.featureGates, `${name} is not a valid feature name.`),
    ),
    ...(config.controlPlaneEndpoint && hostPort(config.controlPlaneEndpoint) === undefined
      ? [invalid('controlPlaneEndpoint', config.controlPlaneEndpoint, 'endpoint is not valid')]
      : []),
    ...imageRepository('imageRepository', config.imageRepository),
    ...imageRepository('dns.imageRepository', dns.imageRepository),
    ...etcdErrors(etcd.local, etcd.external),
    ...(KEY_ALGORITHMS.some(name => name === config.encryptionAlgorithm)
      ? []
      : [notSupported('encryptionAlgorithm', config.encryptionAlgorithm, KEY_ALGORITHMS)]),
    ...lives(config),
  ];
}

function networking({ networking: { serviceSubnet = '', podSubnet = '', dnsDomain = '' } }: ClusterConfiguration) {
  const errors: FieldError[] = dns1123Subdomain(dnsDomain).map(why => invalid('networking.dnsDomain', dnsDomain, why));
  const services = subnet('networking.serviceSubnet', serviceSubnet, errors);
  if (services !== undefined) {
    if (1n << BigInt(32 - services.prefix) < LEAST_SERVICES)
      errors.push(tooSmall('networking.serviceSubnet', serviceSubnet, services.prefix));
    if (32 - services.prefix > SERVICE_BITS)
      errors.push(
        invalid(
          'networking.serviceSubnet',
          serviceSubnet,
          `specified service subnet is too large; for 32-bit addresses, the mask must be >= ${32 - SERVICE_BITS}`,
        ),
      );
  }
  const pods = podSubnet === '' ? undefined : subnet('networking.podSubnet', podSubnet, errors);
  if (pods !== undefined && pods.prefix > NODE_MASK)
    errors.push(
      invalid(
        'networking.podSubnet',
        podSubnet,
        `the size of pod subnet with mask ${pods.prefix} is smaller than the size of node subnet with mask ${NODE_MASK}`,
      ),
    );
  if (pods !== undefined && NODE_MASK - pods.prefix > NODE_MASK_MOST)
    errors.push(
      invalid(
        'networking.podSubnet',
        podSubnet,
        `pod subnet mask (${pods.prefix}) and node-mask (${NODE_MASK}) difference is greater than ${NODE_MASK_MOST}`,
      ),
    );
  if (pods !== undefined && services !== undefined && overlap(pods, services))
    errors.push(invalid('networking.podSubnet', podSubnet, `meets the service subnet ${serviceSubnet}`));
  return errors;
}

function subnet(field: string, text: string, errors: FieldError[]): Cidr | undefined {
  let cidr: Cidr;
  try {
    cidr = parseCidr(text);
  } catch {
    errors.push(
      text.includes(',')
        ? forbidden(field, 'clusters of both families are not made here yet: give one IPv4 network')
        : invalid(field, text, "couldn't parse subnet"),
    );
    return undefined;
  }
  if (cidr.family === 4) return cidr;
  errors.push(forbidden(field, 'clusters of IPv6 are not made here yet: give an IPv4 network'));
  return undefined;
}

function tooSmall(field: string, text: string, prefix: number): FieldError {
  const size = 2 ** (32 - prefix);
  return invalid(field, text, `subnet with ${size} address(es) is too small, the minimum is ${LEAST_SERVICES}`);
}

function overlap(a: Cidr, b: Cidr): boolean {
  const bits = BigInt(32 - Math.min(a.prefix, b.prefix));
  return a.base >> bits === b.base >> bits;
}

function etcdErrors(local: LocalEtcd | undefined, external: ExternalEtcd | undefined): readonly FieldError[] {
  if (local !== undefined && external !== undefined)
    return [invalid('etcd', '', '.Etcd.Local and .Etcd.External are mutually exclusive')];
  return [
    ...(local === undefined
      ? []
      : [
          ...unitPath('etcd.local.dataDir', local.dataDir, 'written'),
          ...certificateNames('etcd.local.serverCertSANs', local.serverCertSANs),
          ...certificateNames('etcd.local.peerCertSANs', local.peerCertSANs),
          ...extraArgs('etcd.local.extraArgs', local.extraArgs),
          ...noPodFields('etcd.local', { extraEnvs: local.extraEnvs }),
        ]),
    ...(external === undefined ? [] : externalEtcd(external)),
  ];
}

function externalEtcd({ endpoints, httpEndpoints = [], caFile, certFile, keyFile }: ExternalEtcd) {
  const path = 'etcd.external';
  const file = (name: string, value: string): readonly FieldError[] =>
    value === '' ? [] : [...unitPath(`${path}.${name}`, value), ...keptFile(`${path}.${name}`, value)];
  return [
    ...((certFile === '') === (keyFile === '')
      ? []
      : [invalid(path, '', 'either both or none of .Etcd.External.CertFile and .Etcd.External.KeyFile must be set')]),
    ...(certFile !== '' && keyFile !== '' && caFile === ''
      ? [invalid(path, '', 'setting .Etcd.External.CertFile and .Etcd.External.KeyFile requires .Etcd.External.CAFile')]
      : []),
    ...(endpoints.length === 0
      ? [invalid(`${path}.endpoints`, '', 'at least one endpoint must be specified')]
      : endpoints.flatMap(text => endpointErrors(`${path}.endpoints`, text, `${caFile}${certFile}${keyFile}` !== ''))),
    ...httpEndpoints.flatMap(text =>
      urlErrors(`${path}.httpEndpoints`, text, false, /^https?:\/\/[^/@?#]+(\/[^?#]*)?$/),
    ),
    ...file('caFile', caFile),
    ...file('certFile', certFile),
    ...file('keyFile', keyFile),
  ];
}

/** "gantry reset" leaves the files of an external etcd alone; in these it can keep nothing. */
function keptFile(field: string, path: string): readonly FieldError[] {
  const within = REMOVED_WHOLE.find(directory => isWithin(path, directory));
  return within === undefined
    ? []
    : [invalid(field, path, `"gantry reset" removes ${within} with all in it: choose a place elsewhere, in /etc say`)];
}

/** What the API server connects to: it takes a port and no path. */
function endpointErrors(field: string, text: string, secure: boolean): readonly FieldError[] {
  const errors = urlErrors(field, text, secure, /^https?:\/\/[^/@?#]+:\d{1,5}\/?$/);
  if (errors.length > 0 || secure || !text.startsWith('https:')) return errors;
  return [invalid(field, text, 'an HTTPS endpoint needs the CA of etcd: .Etcd.External.CAFile must be set')];
}

function urlErrors(field: string, text: string, secure: boolean, form: RegExp): readonly FieldError[] {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//.exec(text)?.[1];
  if (scheme === undefined) return [invalid(field, text, 'the URL without scheme is not allowed')];
  if (secure && scheme !== 'https') return [invalid(field, text, 'the URL must be using the HTTPS scheme')];
  return form.test(text) && URL.canParse(text)
    ? []
    : [invalid(field, text, 'it is not of the form https://host:port or http://host:port')];
}

function lives({ certificateValidityPeriod: leaf = '', caCertificateValidityPeriod: ca = '' }: ClusterConfiguration) {
  if (durationMs(leaf) < SHORTEST_LIFE_MS)
    return [invalid('certificateValidityPeriod', leaf, 'certificates have to hold for 10 seconds at least')];
  if (durationMs(ca) < durationMs(leaf))
    return [invalid('caCertificateValidityPeriod', ca, `a CA has to hold as long as what it signs (${leaf})`)];
  return [];
}
