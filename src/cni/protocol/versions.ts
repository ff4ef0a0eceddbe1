/** The spec versions spoken, oldest first. 0.1.0 and 0.2.0 have the old result shape (`ip4`, `ip6`). */
export const CNI_VERSIONS = ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const;

export type CniVersion = (typeof CNI_VERSIONS)[number];

/** Whether `version` is `other` or newer. */
export function isAtLeast(version: CniVersion, other: CniVersion): boolean {
  return CNI_VERSIONS.indexOf(version) >= CNI_VERSIONS.indexOf(other);
}

/** The newest of the offered versions that is spoken here, undefined when none is. */
export function chooseVersion(offered: readonly string[]): CniVersion | undefined {
  return CNI_VERSIONS.findLast(version => offered.includes(version));
}
