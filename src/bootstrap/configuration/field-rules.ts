import type { Arg, EnvVar, HostPathMount, Patches } from '../../api/types/gen/kubeadm-v1beta4.ts';
import { type FieldError, forbidden, invalid } from '../../api/validation/field-error.ts';
import { dns1123Subdomain, wildcardSubdomain } from '../../api/validation/names.ts';
import { isIp } from '../../base/cidr.ts';
import { isWithin } from '../../linux/real-place.ts';

/** Rules that fields of several of kubeadm's kinds share, in its words. Each returns what is wrong. */

export function absolutePath(field: string, path: string | undefined): readonly FieldError[] {
  return path?.startsWith('/') === true ? [] : [invalid(field, path ?? '', 'path is not absolute')];
}

/** What no unit of the control plane sees as it is (ProtectHome=, PrivateTmp=, PrivateDevices= in systemd/gantry-control-plane.service and systemd/gantry-etcd.service). */
const HIDDEN_FROM_UNITS: readonly string[] = [
  '/home',
  '/root',
  '/run/user',
  '/tmp',
  '/var/tmp',
  '/dev',
  '/proc',
  '/sys',
];
/** What ProtectSystem=full closes to etcd. */
const CLOSED_TO_ETCD: readonly string[] = ['/usr', '/boot', '/efi', '/etc'];

/** An absolute path that the units of the control plane can read, wherever links of this machine lead; `written`: to which etcd can write, too. */
export function unitPath(field: string, path: string | undefined, use: 'read' | 'written' = 'read') {
  const wrong = absolutePath(field, path);
  if (wrong.length > 0 || path === undefined) return wrong;
  const under = (directory: string): boolean => isWithin(path, directory);
  const hidden = HIDDEN_FROM_UNITS.find(under);
  const elsewhere = 'choose a directory elsewhere, in /var/lib or /srv say';
  if (hidden !== undefined)
    return [invalid(field, path, `the units of the control plane do not see ${hidden} of this machine: ${elsewhere}`)];
  const closed = use === 'written' ? CLOSED_TO_ETCD.find(under) : undefined;
  return closed === undefined ? [] : [invalid(field, path, `the unit of etcd cannot write to ${closed}: ${elsewhere}`)];
}

/** Names and addresses of a certificate. */
export function certificateNames(field: string, names: readonly string[] = []): readonly FieldError[] {
  return names.flatMap(name => {
    if (isIp(name)) return [];
    const asName = dns1123Subdomain(name);
    const asWildcard = wildcardSubdomain(name);
    if (asName.length === 0 || asWildcard.length === 0) return [];
    const why = `${asName.join('; ')}; ${asWildcard.join('; ')}`;
    return [
      invalid(
        field,
        name,
        `altname is not a valid IP address, DNS label or a DNS label with subdomain wildcards: ${why}`,
      ),
    ];
  });
}

export function extraArgs(field: string, args: readonly Arg[] = []): readonly FieldError[] {
  return args.flatMap(({ name }, index) =>
    name === '' ? [invalid(field, `index ${index}`, 'argument has no name')] : [],
  );
}

/** What a static pod could have and a unit of systemd has in another way. */
export function noPodFields(
  field: string,
  {
    extraVolumes = [],
    extraEnvs = [],
  }: { extraVolumes?: readonly HostPathMount[] | undefined; extraEnvs?: readonly EnvVar[] | undefined },
): readonly FieldError[] {
  const why = 'the control plane is no pod here: use a drop-in of its systemd unit';
  return [
    ...(extraVolumes.length > 0 ? [forbidden(`${field}.extraVolumes`, why)] : []),
    ...(extraEnvs.length > 0 ? [forbidden(`${field}.extraEnvs`, why)] : []),
  ];
}

export function noPatches(patches: Patches | undefined, field: string = 'patches'): readonly FieldError[] {
  const why = 'there are no static pods here that could be patched: use extraArgs, or a KubeletConfiguration document';
  return patches?.directory ? [forbidden(field, why)] : [];
}

export function port(field: string, value: number | undefined): readonly FieldError[] {
  const isPort = value !== undefined && value >= 1 && value <= 65_535;
  return isPort ? [] : [invalid(field, value, 'port number is not valid')];
}

export function ipAddress(field: string, text: string | undefined): readonly FieldError[] {
  return text !== undefined && isIp(text) ? [] : [invalid(field, text ?? '', 'ip address is not valid')];
}

export function imageRepository(field: string, text: string | undefined): readonly FieldError[] {
  const isRepository = /^[a-zA-Z0-9.-]+(:\d+)?(\/[a-z0-9]+([._-]+[a-z0-9]+)*)*$/.test(text ?? '');
  return text === undefined || text === '' || isRepository
    ? []
    : [invalid(field, text, 'invalid image repository format')];
}

/** The parts of `host`, `host:port`, `[v6]` and `[v6]:port`; undefined for anything else. */
export function hostPort(text: string): { readonly host: string; readonly port: number | undefined } | undefined {
  if (isIp(text)) return { host: text, port: undefined };
  const [, v6, name, portText] = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = v6 ?? name ?? '';
  const number = portText === undefined ? undefined : Number(portText);
  if (v6 !== undefined ? !isIp(v6) : !isIp(host) && dns1123Subdomain(host).length > 0) return undefined;
  if (number !== undefined && (number < 1 || number > 65_535)) return undefined;
  return { host, port: number };
}
