import { invalidArgument } from '../../base/errors.ts';
import { type ContainerConfig, MountPropagation, Signal, SupplementalGroupsPolicy } from '../../rpc/cri-api.ts';
import { checkAbsolutePath, checkArgument, checkEnum, checkNoNul, checkObjectName, checkPath, wrong } from './field.ts';
import { checkResources } from './resources.ts';
import { checkSecurityContext } from './security-context.ts';

export type CheckedContainerConfig = ContainerConfig & {
  readonly metadata: NonNullable<ContainerConfig['metadata']>;
};

/**
 * A container's configuration that can be carried out as far as it alone tells; so it is asked before anything is written down. Throws `invalid-argument` with a
 * sentence that begins with the field, as the protocol spells it. Pure.
 */
export function checkContainerConfig(config: ContainerConfig | undefined): CheckedContainerConfig {
  if (config === undefined) throw invalidArgument('config is missing');
  checkNoNul('config', config);
  const { metadata } = config;
  if (metadata === undefined) throw invalidArgument('config.metadata is missing');
  checkObjectName('config.metadata.name', metadata.name);
  if (config.image === undefined || config.image.image === '') throw invalidArgument('config.image.image is empty');
  checkProcess(config);
  checkMounts(config);
  for (const [at, { hostPath, containerPath, permissions }] of config.devices.entries()) {
    checkAbsolutePath(`config.devices[${at}].host_path`, hostPath);
    if (containerPath !== '') checkAbsolutePath(`config.devices[${at}].container_path`, containerPath);
    if (!/^[rwm]{0,3}$/.test(permissions))
      throw wrong(`config.devices[${at}].permissions`, permissions, 'are not made of r, w and m');
  }
  if (config.logPath !== '') checkLogPath(config.logPath);
  checkEnum('config.stop_signal', config.stopSignal, Signal);
  checkResources('config.linux.resources', config.linux?.resources);
  checkContext(config);
  return { ...config, metadata };
}

function checkProcess(config: ContainerConfig): void {
  for (const part of ['command', 'args'] as const)
    for (const [at, text] of config[part].entries()) checkArgument(`config.${part}[${at}]`, text);
  checkPath('config.working_dir', config.workingDir);
  for (const [at, { key, value }] of config.envs.entries()) {
    if (key === '' || key.includes('=')) throw wrong(`config.envs[${at}].key`, key, 'is not the name of a variable');
    checkArgument(`config.envs[${at}]`, `${key}=${Buffer.from(value).toString('latin1')}`);
  }
}

function checkMounts({ mounts }: ContainerConfig): void {
  for (const [at, mount] of mounts.entries()) {
    const field = `config.mounts[${at}]`;
    checkPath(`${field}.container_path`, mount.containerPath);
    if (/^[/.]*$/.test(mount.containerPath))
      throw wrong(`${field}.container_path`, mount.containerPath, 'is the root of the container');
    checkEnum(`${field}.propagation`, mount.propagation, MountPropagation);
    // those of an image are looked at with the image
    if (mount.image === undefined) checkAbsolutePath(`${field}.host_path`, mount.hostPath);
  }
}

/** Relative to the log directory; a leading slash means the same. */
function checkLogPath(path: string): void {
  checkPath('config.log_path', path);
  if (/(^|\/)\.?$/.test(path)) throw wrong('config.log_path', path, 'is a directory, not a file');
}

function checkContext({ linux }: ContainerConfig): void {
  const context = linux?.securityContext;
  if (context === undefined) return;
  const field = 'config.linux.security_context';
  checkSecurityContext(field, context);
  checkEnum(`${field}.supplemental_groups_policy`, context.supplementalGroupsPolicy, SupplementalGroupsPolicy);
  for (const [at, path] of context.maskedPaths.entries()) checkAbsolutePath(`${field}.masked_paths[${at}]`, path);
  for (const [at, path] of context.readonlyPaths.entries()) checkAbsolutePath(`${field}.readonly_paths[${at}]`, path);
}
