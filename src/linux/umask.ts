/** What others than the owner may never write. */
const OTHERS_WRITE = 0o022;

/** Lets nobody but the owner write what this process and its children make from now on, whatever umask it was started with; a stricter one stays. Safe to repeat. */
export function keepOthersFromWriting(): void {
  process.umask(process.umask() | OTHERS_WRITE);
}
