/** CPU time that this process uses for a call, in milliseconds, user and system: others that use the machine do not change it. */
export function cpuMs(call: () => unknown): number {
  const before = process.cpuUsage();
  call();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
