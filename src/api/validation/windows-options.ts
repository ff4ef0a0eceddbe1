import type { PodSpec, WindowsSecurityContextOptions } from '../types/gen/core-v1.ts';
import { type FieldError, forbidden, invalid, invalidFor } from './field-error.ts';
import { dns1123Subdomain } from './names.ts';
import { containersOf } from './pod-options.ts';

const MAX_CREDENTIAL_BYTES = 64 * 1024;
const MAX_DOMAIN = 256;
const MAX_USER = 104;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused.
const CONTROL = /[\u0000-\u001f\u007f]/;
const NETBIOS = /^[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}$/;
const DNS_LABEL = '[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?';
const DNS_DOMAIN = new RegExp(`^${DNS_LABEL}(?:\\.${DNS_LABEL})*$`);

/** What a container on Windows runs as. Nodes of this kind are others' business, the API is the same. */
export function validateWindowsOptions(options: WindowsSecurityContextOptions | undefined, path: string): FieldError[] {
  if (options === undefined) return [];
  const { gmsaCredentialSpecName: name, gmsaCredentialSpec: spec, runAsUserName } = options;
  const errors = name === undefined ? [] : invalidFor(`${path}.gmsaCredentialSpecName`, name, dns1123Subdomain(name));
  if (spec === '')
    errors.push(invalid(`${path}.gmsaCredentialSpec`, spec, 'gmsaCredentialSpec cannot be an empty string'));
  else if (spec !== undefined && Buffer.byteLength(spec) > MAX_CREDENTIAL_BYTES)
    errors.push(invalid(`${path}.gmsaCredentialSpec`, spec, 'gmsaCredentialSpec size must be under 64 KiB'));
  if (runAsUserName !== undefined)
    errors.push(...invalidFor(`${path}.runAsUserName`, runAsUserName, userNameReasons(runAsUserName)));
  return errors;
}

/** `USER` or `DOMAIN\USER`. */
function userNameReasons(text: string): string[] {
  if (text === '') return ['runAsUserName cannot be an empty string'];
  if (CONTROL.test(text)) return ['runAsUserName cannot contain control characters'];
  const parts = text.split('\\');
  if (parts.length > 2) return ['runAsUserName cannot contain more than one backslash'];
  const user = parts.at(-1) ?? '';
  const domain = parts.length === 2 ? parts[0] : undefined;
  const reasons: string[] = [];
  if (domain !== undefined && domain.length >= MAX_DOMAIN)
    reasons.push(`runAsUserName's Domain length must be under ${MAX_DOMAIN} characters`);
  if (domain !== undefined && !NETBIOS.test(domain) && !DNS_DOMAIN.test(domain))
    reasons.push("runAsUserName's Domain doesn't match the NetBios nor the DNS format");
  if (user === '') reasons.push("runAsUserName's User cannot be empty");
  else if (user.length > MAX_USER)
    reasons.push(`runAsUserName's User length must not be longer than ${MAX_USER} characters`);
  if (/^[. ]+$/.test(user)) reasons.push("runAsUserName's User cannot contain only periods or spaces");
  if (/["/\\:;|=,+*?<>@[\]]/.test(user))
    reasons.push('runAsUserName\'s User cannot contain the following characters: "/\\:;|=,+*?<>@[]');
  return reasons;
}

/** Containers that are processes of a Windows host: all of a pod or none, and on the host's network. */
export function validateHostProcesses(spec: PodSpec, path: string): FieldError[] {
  const ofPod = spec.securityContext?.windowsOptions?.hostProcess;
  const all = containersOf(spec, path);
  const errors: FieldError[] = [];
  let count = 0;
  for (const [container, at] of all) {
    const own = container.securityContext?.windowsOptions?.hostProcess;
    if (ofPod !== undefined && own !== undefined && own !== ofPod)
      errors.push(
        invalid(
          `${at}.securityContext.windowsOptions.hostProcess`,
          own,
          `pod hostProcess value must be identical if both are specified, was ${ofPod}`,
        ),
      );
    if (own ?? ofPod ?? false) count++;
  }
  if (count === 0) return errors;
  if (count !== all.length)
    errors.push(
      invalid(
        path,
        '',
        'If pod contains any hostProcess containers then all containers must be HostProcess containers',
      ),
    );
  if (spec.hostNetwork !== true)
    errors.push(
      invalid(`${path}.hostNetwork`, false, 'hostNetwork must be true if pod contains any hostProcess containers'),
    );
  return errors;
}

const POD_FIELDS_OF_LINUX = [
  ['securityContext', 'appArmorProfile'],
  ['securityContext', 'seLinuxOptions'],
  ['hostUsers'],
  ['hostPID'],
  ['hostIPC'],
  ['securityContext', 'seccompProfile'],
  ['securityContext', 'fsGroup'],
  ['securityContext', 'fsGroupChangePolicy'],
  ['securityContext', 'sysctls'],
  ['shareProcessNamespace'],
  ['securityContext', 'runAsUser'],
  ['securityContext', 'runAsGroup'],
  ['securityContext', 'supplementalGroups'],
  ['securityContext', 'supplementalGroupsPolicy'],
  ['securityContext', 'seLinuxChangePolicy'],
] as const;
const CONTAINER_FIELDS_OF_LINUX = [
  'appArmorProfile',
  'seLinuxOptions',
  'seccompProfile',
  'capabilities',
  'readOnlyRootFilesystem',
  'privileged',
  'allowPrivilegeEscalation',
  'procMount',
  'runAsUser',
  'runAsGroup',
] as const;

/** What a pod of one operating system may not say of the other. */
export function validateForOs(spec: PodSpec, path: string): FieldError[] {
  if (spec.os?.name === 'linux')
    return [[spec, path] as const, ...containersOf(spec, path)].flatMap(([part, at]) =>
      part.securityContext?.windowsOptions === undefined
        ? []
        : [forbidden(`${at}.securityContext.windowsOptions`, 'windows options cannot be set for a linux pod')],
    );
  if (spec.os?.name !== 'windows') return [];
  const detail = 'cannot be set for a windows pod';
  return [
    ...POD_FIELDS_OF_LINUX.filter(steps => isSet(spec, steps)).map(steps =>
      forbidden([path, ...steps].join('.'), detail),
    ),
    ...containersOf(spec, path).flatMap(([{ securityContext = {} }, at]) =>
      CONTAINER_FIELDS_OF_LINUX.filter(field => securityContext[field] !== undefined).map(field =>
        forbidden(`${at}.securityContext.${field}`, detail),
      ),
    ),
  ];
}

/** False counts as not said where Go keeps no pointer, and so does an empty list of sysctls. */
function isSet(spec: PodSpec, steps: (typeof POD_FIELDS_OF_LINUX)[number]): boolean {
  const [first, second] = steps;
  if (first !== 'securityContext')
    return first.startsWith('hostU') || first.startsWith('share') ? spec[first] !== undefined : spec[first] === true;
  const value = second === undefined ? undefined : spec.securityContext?.[second];
  return value !== undefined && !(second === 'sysctls' && spec.securityContext?.sysctls?.length === 0);
}
