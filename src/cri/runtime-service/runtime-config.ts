import { CgroupDriver, type RuntimeConfigResponse } from '../../rpc/cri-api.ts';
import type { RuntimeServiceContext } from './context.ts';

/** The cgroup driver that kubelets are to use: both must put a pod's group at the same place. */
export function runtimeConfig({ cgroupDriver }: Pick<RuntimeServiceContext, 'cgroupDriver'>): RuntimeConfigResponse {
  return { linux: { cgroupDriver: cgroupDriver === 'systemd' ? CgroupDriver.SYSTEMD : CgroupDriver.CGROUPFS } };
}
