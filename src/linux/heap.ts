import * as koffi from 'koffi';

type Trim = { async(pad: number, done: (error: unknown, result: number) => void): void };

let trim: Trim | undefined;

/**
 * Gives memory that was freed back to the kernel (malloc_trim(3)): glibc keeps it where small pieces were taken and freed among others, as thousands of TLS
 * connections do. Takes some 10 to 40 ms, so it runs in a thread of the pool. True where something was given back. Safe to repeat.
 */
export function trimHeap(): Promise<boolean> {
  trim ??= koffi.load('libc.so.6').func('int malloc_trim(size_t)') as unknown as Trim;
  const { async } = trim;
  return new Promise((resolve, reject) => {
    async.call(trim, 0, (error, result) => {
      if (error === null || error === undefined) resolve(result === 1);
      else reject(error instanceof Error ? error : new Error(String(error)));
    });
  });
}
