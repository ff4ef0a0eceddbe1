import { isIp } from '../../base/cidr.ts';
import { invalidArgument } from '../../base/errors.ts';
import { type PodSandboxConfig, Protocol } from '../../rpc/cri-api.ts';
import { checkAbsolutePath, checkEnum, checkNoNul, checkObjectName, checkPath, checkRange, wrong } from './field.ts';
import { checkResources } from './resources.ts';
import { checkSecurityContext } from './security-context.ts';

/** HOST_NAME_MAX of Linux. */
const MAX_HOSTNAME_BYTES = 64;
const MAX_PORT = 65_535;

export type CheckedSandboxConfig = PodSandboxConfig & {
  readonly metadata: NonNullable<PodSandboxConfig['metadata']>;
};

/**
 * A sandbox's configuration that can be carried out as far as it alone tells; so it is asked before anything is written down. Throws `invalid-argument` with a
 * sentence that begins with the field, as the protocol spells it. Pure.
 */
export function checkSandboxConfig(config: PodSandboxConfig | undefined): CheckedSandboxConfig {
  if (config === undefined) throw invalidArgument('config is missing');
  checkNoNul('config', config);
  const { metadata, hostname, linux } = config;
  if (metadata === undefined) throw invalidArgument('config.metadata is missing');
  for (const part of ['name', 'namespace', 'uid'] as const) {
    checkObjectName(`config.metadata.${part}`, metadata[part]);
    // they identify the sandbox together, joined by slashes
    if (metadata[part].includes('/')) throw wrong(`config.metadata.${part}`, metadata[part], 'contains a slash');
  }
  if (Buffer.byteLength(hostname) > MAX_HOSTNAME_BYTES)
    throw wrong('config.hostname', hostname, `is longer than the ${MAX_HOSTNAME_BYTES} bytes of a host name`);
  if (/[\s/\p{Cc}]/u.test(hostname)) throw wrong('config.hostname', hostname, 'is not a host name');
  if (config.logDirectory !== '') checkAbsolutePath('config.log_directory', config.logDirectory);
  checkDns(config);
  checkPorts(config);
  if (linux !== undefined) {
    checkCgroupParent(linux.cgroupParent);
    checkSysctlNames(linux.sysctls);
    checkResources('config.linux.overhead', linux.overhead);
    checkResources('config.linux.resources', linux.resources);
    checkSecurityContext('config.linux.security_context', linux.securityContext);
  }
  return { ...config, metadata };
}

/** What would add lines or words of its own to the pod's resolv.conf. */
function checkDns({ dnsConfig }: PodSandboxConfig): void {
  for (const part of ['servers', 'searches', 'options'] as const)
    for (const [at, text] of (dnsConfig?.[part] ?? []).entries())
      if (text === '' || /\s/.test(text))
        throw wrong(`config.dns_config.${part}[${at}]`, text, text === '' ? 'is empty' : 'contains white space');
}

function checkPorts({ portMappings }: PodSandboxConfig): void {
  for (const [at, { protocol, containerPort, hostPort, hostIp }] of portMappings.entries()) {
    const field = `config.port_mappings[${at}]`;
    checkEnum(`${field}.protocol`, protocol, Protocol);
    checkRange(`${field}.host_port`, hostPort, 0, MAX_PORT);
    // without a port of the host it is a mere declaration
    checkRange(`${field}.container_port`, containerPort, hostPort > 0 ? 1 : 0, MAX_PORT);
    if (hostIp !== '' && !isIp(hostIp)) throw wrong(`${field}.host_ip`, hostIp, 'is not an IP address');
  }
}

/** Files of the kernel in every group, or of a controller; a group cannot be called so. */
const GROUP_FILE =
  /^(?:tasks|notify_on_release|release_agent|(?:cgroup|cpu|cpuacct|cpuset|memory|pids|io|blkio|hugetlb|freezer|devices|net_cls|net_prio|rdma|misc)\..+)$/;

function checkCgroupParent(parent: string): void {
  const field = 'config.linux.cgroup_parent';
  if (parent === '') return;
  if (parent.endsWith('.slice')) checkPath(field, parent);
  else checkAbsolutePath(field, parent);
  if (/\p{Cc}/u.test(parent)) throw wrong(field, parent, 'contains a control character');
  if (parent.split('/').some(part => GROUP_FILE.test(part)))
    throw wrong(field, parent, 'names a file that groups have, not a group');
}

/** Names as sysctl(8) writes them, with dots or with slashes; which of them a pod may set is decided with its namespaces (spec/sysctls.ts). */
function checkSysctlNames(sysctls: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(sysctls)) {
    const separator = /[./]/.exec(name)?.[0] ?? '.';
    const parts = name.split(separator);
    if (parts.length < 2 || parts.some(part => !/^[A-Za-z0-9@_-]+(?:[./][A-Za-z0-9@_-]+)*$/.test(part)))
      throw invalidArgument(`a key of config.linux.sysctls, ${JSON.stringify(name)}, is not the name of a sysctl`);
    if (value === '' || /[\0\n]/.test(value))
      throw wrong(`config.linux.sysctls.${name}`, value, 'is not one line of text');
  }
}
