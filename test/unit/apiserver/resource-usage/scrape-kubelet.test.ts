import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { Node } from '../../../../src/api/types/gen/core-v1.ts';
import { scrapeKubelet } from '../../../../src/apiserver/resource-usage/scrape-kubelet.ts';
import { FakeClock } from '../../../harness/fake-clock.ts';

const NODE = { metadata: { name: 'n' } } as Node;
const signal = new AbortController().signal;

/** A kubelet that answers with this; what was asked is noted, and whether the answer was let go of. */
function kubelet(statusCode: number, pieces: Iterable<string | Buffer>) {
  const asked: string[] = [];
  const answer = Object.assign(Readable.from(pieces, { objectMode: false }), {
    statusCode,
  }) as unknown as IncomingMessage;
  const kubelets = {
    get: async (_node: Node, path: string) => {
      asked.push(path);
      return answer;
    },
  };
  return { asked, answer, ask: () => scrapeKubelet(kubelets, NODE, new FakeClock(42), signal) };
}

describe('a scrape of a kubelet', () => {
  it('is what it tells of resources, however its answer is cut', async () => {
    const { asked, answer, ask } = kubelet(200, [
      'node_cpu_usage_seco',
      'nds_total 1\nnode_memory_working_set',
      '_bytes 2\n',
    ]);
    expect((await ask()).node).toEqual({ at: 42, cpuSeconds: 1, memoryBytes: 2, startedAt: undefined });
    expect([asked, answer.destroyed]).toEqual([['/metrics/resource'], true]);
  });

  it.each([401, 403, 404, 500, 503])('fails for an answer of %i', async status => {
    const { answer, ask } = kubelet(status, ['no']);
    await expect(ask()).rejects.toThrow(`the kubelet answered ${status} for /metrics/resource`);
    expect(answer.destroyed).toBe(true);
  });

  it('fails for an answer without an end, of which no more is read than one may have', async () => {
    let given = 0;
    function* endless(): Generator<Buffer> {
      for (;;) {
        given += 1;
        yield Buffer.alloc(1 << 20, 0x61);
      }
    }
    const { answer, ask } = kubelet(200, endless());
    await expect(ask()).rejects.toThrow('the kubelet tells more than 16777216 bytes of what is used');
    expect(answer.destroyed).toBe(true);
    expect(given).toBeLessThan(20);
  });
});
