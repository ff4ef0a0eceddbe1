/** `20060102-150405` in local time: what kubelets put behind the name of a log that they rotate. Sorted, the oldest comes first. */
export function rotationTime(time: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const date = `${time.getFullYear()}${two(time.getMonth() + 1)}${two(time.getDate())}`;
  return `${date}-${two(time.getHours())}${two(time.getMinutes())}${two(time.getSeconds())}`;
}
