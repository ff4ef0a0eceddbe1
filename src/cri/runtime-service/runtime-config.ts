import { CgroupDriver, type RuntimeConfigResponse } from '../../rpc/cri-api.ts';

/** The cgroup driver that kubelets are to use: cgroupfs, since the runtimes behind this shim write the cgroup files themselves. */
export function runtimeConfig(): RuntimeConfigResponse {
  return { linux: { cgroupDriver: CgroupDriver.CGROUPFS } };
}
