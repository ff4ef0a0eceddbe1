/** The kernel's smallest and largest cpu.shares; BestEffort gets the smallest. */
export const MIN_SHARES = 2;
const MAX_SHARES = 262144;
/** The kernel refuses a smaller quota. */
const MIN_QUOTA_US = 1000;

/** 1000 thousandths are 1024 shares (upstream's formula). */
export function milliCpuToShares(milliCpu: number): number {
  return Math.min(Math.max(Math.trunc((milliCpu * 1024) / 1000), MIN_SHARES), MAX_SHARES);
}

/** Microseconds of CPU per period. */
export function milliCpuToQuota(milliCpu: number, periodUs: number): number {
  return Math.max(Math.trunc((milliCpu * periodUs) / 1000), MIN_QUOTA_US);
}
