import { describe, expect, it } from 'vitest';
import { JoinedOperations } from '../../../src/cri/joined-operations.ts';

/** An operation that ends when told, and counts how often it was begun. */
function controlled(): { begun: number; end(value: string): void; fail(error: Error): void; run(): Promise<string> } {
  let resolve: (value: string) => void = () => {};
  let reject: (error: Error) => void = () => {};
  const operation = {
    begun: 0,
    end: (value: string) => resolve(value),
    fail: (error: Error) => reject(error),
    run() {
      operation.begun += 1;
      return new Promise<string>((ok, no) => {
        resolve = ok;
        reject = no;
      });
    },
  };
  return operation;
}

describe('joined operations', () => {
  it('runs one operation for all who ask at once, and a new one afterwards', async () => {
    const joins = new JoinedOperations();
    const operation = controlled();
    const both = [joins.run('k', operation.run), joins.run('k', operation.run)];
    operation.end('made');
    expect(await Promise.all(both)).toEqual(['made', 'made']);
    const third = joins.run('k', operation.run);
    operation.end('again');
    expect(await third).toBe('again');
    expect(operation.begun).toBe(2);
  });

  it('lets a caller leave without ending the work of the others', async () => {
    const joins = new JoinedOperations();
    const operation = controlled();
    const leave = new AbortController();
    const leaver = joins.run('k', operation.run, leave.signal);
    const stayer = joins.run('k', operation.run);
    leave.abort(new Error('gone'));
    await expect(leaver).rejects.toThrow('gone');
    operation.end('made');
    expect(await stayer).toBe('made');
  });

  it('goes on to its end when everyone has left, so that a retry joins it', async () => {
    const joins = new JoinedOperations();
    const operation = controlled();
    const leave = new AbortController();
    const leaver = joins.run('k', operation.run, leave.signal);
    leave.abort(new Error('gone'));
    await expect(leaver).rejects.toThrow('gone');
    const retry = joins.run('k', operation.run);
    operation.end('made');
    expect(await retry).toBe('made');
    expect(operation.begun).toBe(1);
  });

  it('gives a failure to all, and forgets it', async () => {
    const joins = new JoinedOperations();
    const operation = controlled();
    const both = [joins.run('k', operation.run), joins.run('k', operation.run)];
    operation.fail(new Error('no luck'));
    await Promise.all(both.map(b => expect(b).rejects.toThrow('no luck')));
    const retry = joins.run('k', operation.run);
    operation.end('made');
    expect(await retry).toBe('made');
  });

  it('waits for the operations under a prefix, and for no others', async () => {
    const joins = new JoinedOperations();
    const wanted = controlled();
    const other = controlled();
    const work = joins.run('a/1', wanted.run);
    const elsewhere = joins.run('b/1', other.run);
    const idle = joins.idle('a/');
    wanted.end('done');
    await idle;
    other.end('done');
    await Promise.all([work, elsewhere]);
  });
});
