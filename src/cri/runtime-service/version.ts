import type { VersionResponse } from '../../rpc/cri-api.ts';

/** The CRI version spoken here and the name this runtime reports. `version` is fixed by the API ("0.1.0" is what every runtime answers). */
export function version(gantryVersion: string): VersionResponse {
  return { version: '0.1.0', runtimeName: 'gantry', runtimeVersion: gantryVersion, runtimeApiVersion: 'v1' };
}
