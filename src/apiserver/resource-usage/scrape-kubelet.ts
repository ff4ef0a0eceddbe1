import type { Node } from '../../api/types/gen/core-v1.ts';
import type { Clock } from '../../base/clock.ts';
import { unavailable } from '../../base/errors.ts';
import type { Kubelets } from '../kubelets.ts';
import { parseScrape, type Scrape } from './scrape.ts';

/** A node with ten times the pods that one may have tells some 300 KiB. */
const MAX_BYTES = 16 << 20;

/** GET /metrics/resource of the node's kubelet. Rejects with the reason where it cannot be had. */
export async function scrapeKubelet(
  kubelets: Pick<Kubelets, 'get'>,
  node: Node,
  clock: Clock,
  signal: AbortSignal,
): Promise<Scrape> {
  const answer = await kubelets.get(node, '/metrics/resource', { skipTlsCheck: false }, signal);
  try {
    if (answer.statusCode !== 200) throw unavailable(`the kubelet answered ${answer.statusCode} for /metrics/resource`);
    const parts: Buffer[] = [];
    let size = 0;
    for await (const part of answer) {
      size += (part as Buffer).length;
      if (size > MAX_BYTES) throw unavailable(`the kubelet tells more than ${MAX_BYTES} bytes of what is used`);
      parts.push(part as Buffer);
    }
    return parseScrape(Buffer.concat(parts).toString(), clock.now());
  } finally {
    answer.destroy();
  }
}
