import type { RequestedDevice } from './inputs.ts';
import type { OciDevice, OciDeviceRule } from './oci-spec.ts';

export interface DeviceDecision {
  readonly devices: readonly OciDevice[];
  readonly rules: readonly OciDeviceRule[];
}

/**
 * Device nodes and the cgroup's device rules. The runtimes themselves make and allow null, zero, full, random, urandom, tty, ptmx and console. Others are
 * denied unless asked for; making nodes is allowed as upstream allows it (CAP_MKNOD decides). Privileged has every device of the machine.
 */
export function decideDevices(
  privileged: boolean,
  requested: readonly RequestedDevice[],
  hostDevices: readonly OciDevice[],
): DeviceDecision {
  if (privileged) {
    const renamed = new Set(requested.map(r => r.device.path));
    return {
      devices: [...hostDevices.filter(d => !renamed.has(d.path)), ...requested.map(r => r.device)],
      rules: [{ allow: true, access: 'rwm' }],
    };
  }
  return {
    devices: requested.map(r => r.device),
    rules: [
      { allow: false, access: 'rwm' },
      { allow: true, type: 'c', access: 'm' },
      { allow: true, type: 'b', access: 'm' },
      ...requested
        .filter(r => r.device.type !== 'p')
        .map(({ device, access }) => ({
          allow: true,
          type: device.type,
          major: device.major,
          minor: device.minor,
          access,
        })),
    ],
  };
}
