/** True for what is in a directory, at any depth, and not for the directory itself. Both are without `.` and `..`. Pure. */
export function isBelow(path: string, directory: string): boolean {
  return directory === '/' ? path !== '/' : path.startsWith(`${directory}/`);
}
