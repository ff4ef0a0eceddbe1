import {
  type Int64Value,
  NamespaceMode,
  type NamespaceOption,
  type SELinuxOption,
  type SecurityProfile,
  SecurityProfile_ProfileType,
} from '../../rpc/cri-api.ts';
import { checkEnum, checkRange, wrong } from './field.ts';

/** uid and gid above this do not fit the kernel's type less its "no change" value. */
const MAX_ID = 0xfffffffen;
/** Users, roles and types as policies name them. Anything else could end the label, and with it the mount option that it stands in. */
const SELINUX_NAME = /^[A-Za-z0-9_.-]*$/;

interface SharedContext {
  readonly namespaceOptions: NamespaceOption | undefined;
  readonly selinuxOptions: SELinuxOption | undefined;
  readonly seccomp: SecurityProfile | undefined;
  readonly apparmor: SecurityProfile | undefined;
  readonly runAsUser: Int64Value | undefined;
  readonly runAsGroup: Int64Value | undefined;
  readonly supplementalGroups: readonly bigint[];
}

/** What the security contexts of sandboxes and of containers have in common. Throws `invalid-argument` naming the field. Pure. */
export function checkSecurityContext(field: string, context: SharedContext | undefined): void {
  if (context === undefined) return;
  checkNamespaces(`${field}.namespace_options`, context.namespaceOptions);
  checkSelinux(`${field}.selinux_options`, context.selinuxOptions);
  checkProfile(`${field}.seccomp`, context.seccomp);
  checkProfile(`${field}.apparmor`, context.apparmor);
  if (context.runAsUser !== undefined) checkRange(`${field}.run_as_user`, context.runAsUser.value, 0n, MAX_ID);
  if (context.runAsGroup !== undefined) checkRange(`${field}.run_as_group`, context.runAsGroup.value, 0n, MAX_ID);
  for (const [at, group] of context.supplementalGroups.entries())
    checkRange(`${field}.supplemental_groups[${at}]`, group, 0n, MAX_ID);
}

function checkNamespaces(field: string, options: NamespaceOption | undefined): void {
  if (options === undefined) return;
  for (const kind of ['network', 'pid', 'ipc'] as const) checkEnum(`${field}.${kind}`, options[kind], NamespaceMode);
  if (options.pid === NamespaceMode.TARGET && options.targetId === '')
    throw wrong(`${field}.target_id`, '', 'must name the container whose pid namespace is to be joined');
  const users = options.usernsOptions;
  if (users !== undefined) checkEnum(`${field}.userns_options.mode`, users.mode, NamespaceMode);
}

/** The level has a grammar of its own (spec/selinux-labels.ts). */
function checkSelinux(field: string, options: SELinuxOption | undefined): void {
  if (options === undefined) return;
  for (const part of ['user', 'role', 'type'] as const)
    if (!SELINUX_NAME.test(options[part]))
      throw wrong(`${field}.${part}`, options[part], 'has other characters than letters, digits and _ . -');
}

function checkProfile(field: string, profile: SecurityProfile | undefined): void {
  if (profile === undefined) return;
  checkEnum(`${field}.profile_type`, profile.profileType, SecurityProfile_ProfileType);
  if (profile.profileType === SecurityProfile_ProfileType.Localhost && profile.localhostRef === '')
    throw wrong(`${field}.localhost_ref`, '', 'must name the profile of type Localhost');
}
