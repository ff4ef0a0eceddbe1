/** Features of v2, v3 and v4, each beyond the level before (x86-64 psABI), by the names that /proc/cpuinfo has for them. */
const BEYOND_V1: readonly (readonly string[])[] = [
  ['cx16', 'lahf_lm', 'popcnt', 'pni', 'sse4_1', 'sse4_2', 'ssse3'],
  ['avx', 'avx2', 'bmi1', 'bmi2', 'f16c', 'fma', 'abm', 'movbe', 'xsave'],
  ['avx512f', 'avx512bw', 'avx512cd', 'avx512dq', 'avx512vl'],
];

/** The level of an amd64 processor by the text of /proc/cpuinfo, as variants of images are called: `v1` to `v4`. Pure. */
export function amd64Level(cpuinfo: string): string {
  const flags = new Set(/^flags\s*: (.*)$/m.exec(cpuinfo)?.[1]?.split(' '));
  const missing = BEYOND_V1.findIndex(features => features.some(f => !flags.has(f)));
  return `v${(missing < 0 ? BEYOND_V1.length : missing) + 1}`;
}
