import { errnoName, errorMessage } from '../../base/errors.ts';
import type { Logger } from '../../daemon/logger.ts';
import { type CgroupLayout, detectCgroups } from '../../linux/cgroup-layout.ts';
import { KeptFiles } from '../../linux/kept-files.ts';
import type { SystemdManager } from '../../linux/systemd-manager.ts';
import { scopeName } from '../spec/cgroup-path.ts';
import type { OciResources } from '../spec/oci-spec.ts';
import { scopeFiles } from '../spec/scope-files.ts';
import { scopeProperties } from '../spec/scope-properties.ts';

/** A container that is a scope of systemd: its id, and its group from the root of the hierarchy. */
export interface ContainerScope {
  readonly id: string;
  readonly group: string;
}

/** The limits of containers that are scopes of systemd on cgroup v2, which stay what they are whatever systemd writes. */
export interface ContainerScopes {
  /** Tells systemd the limits that a container has, and keeps those that it cannot be told. Idempotent. Throws what systemd or the kernel says. */
  setLimits(scope: ContainerScope, limits: OciResources, signal?: AbortSignal): Promise<void>;
  /** Of a container whose limits systemd knows: keeps what it cannot be told. Idempotent. Throws what the kernel says. */
  keepLimits(scope: ContainerScope, limits: OciResources): void;
  /** Of one that has ended or is to be changed: nothing is kept any more. Safe to repeat. */
  release(id: string): void;
}

/** Undefined on cgroup v1, where systemd writes no more than it is told. What cannot be watched is written once, which is said in the log. */
export function containerScopes(
  systemd: Pick<SystemdManager, 'setProperties'>,
  log: Pick<Logger, 'warn'>,
  { version, hierarchies: [hierarchy] }: CgroupLayout = detectCgroups(),
): ContainerScopes | undefined {
  if (version !== 2 || hierarchy === undefined) return undefined;
  const { mountPoint } = hierarchy;
  const files = new KeptFiles((file, error) =>
    log.warn(
      { file, because: errorMessage(error) },
      errnoName(error) === 'ENOSPC'
        ? 'too few inotify watches (fs.inotify.max_user_watches): systemd may change this limit of a container when it reads its configuration anew'
        : 'this limit of a container cannot be kept as it is meant',
    ),
  );
  const keepLimits = ({ id, group }: ContainerScope, limits: OciResources): void =>
    files.keep(
      id,
      Object.fromEntries(
        Object.entries(scopeFiles(limits)).map(([file, text]) => [`${mountPoint}${group}/${file}`, text]),
      ),
    );
  return {
    async setLimits(scope, limits, signal) {
      await systemd.setProperties(scopeName(scope.id), scopeProperties(limits), signal);
      keepLimits(scope, limits);
    },
    keepLimits,
    release: id => files.release(id),
  };
}
