import type { TokenBucket } from '../../linux/netlink/qdiscs.ts';
import { CNI_ERROR, CniError } from '../protocol/error.ts';
import type { Fields } from '../protocol/json.ts';

/** A limit as runtimes pass it (the capability bandwidth): bits per second, and bits that may go at once. */
export interface RateLimit {
  readonly rate: number;
  /** Undefined where the runtime has chosen none. */
  readonly burst: number | undefined;
}

/** Towards the pod, and from it. */
export interface Bandwidth {
  readonly ingress: RateLimit | undefined;
  readonly egress: RateLimit | undefined;
}

/**
 * What Kubernetes runtimes pass where nobody has chosen a burst: the most that the reference plugin takes, half a gigabyte. Taken at its word, a limit of 10 Mbit/s would bite
 * after seven minutes of full speed.
 */
const NO_BURST_CHOSEN = 2 ** 32 - 1;
/** The most that JSON carries exactly; far above any link. */
const MOST_RATE = 2 ** 53 - 1;
const MOST_BURST = 2 ** 35 - 1;
/** How long a burst may be at full rate, and how long a frame may wait (the reference plugin's latency). */
const BURST_S = 0.02;
const LATENCY_S = 0.025;
/** Of both at least so many full frames: with fewer, TCP's first window is lost at low rates. */
const FRAMES = 10;
/** Ethernet header with a VLAN tag. */
const HEADER_BYTES = 18;
const DEFAULT_MTU = 1500;
const UINT32_MAX = 2 ** 32 - 1;

/** Reads `runtimeConfig.bandwidth`. A rate of 0 is no limit; a burst without a rate is refused, as by the reference plugin. Throws CniError 7. */
export function parseBandwidth(runtimeConfig: Fields): Bandwidth {
  const fields = runtimeConfig.nested('bandwidth');
  const limit = (direction: 'ingress' | 'egress'): RateLimit | undefined => {
    const rate = fields.integer(`${direction}Rate`, 0, MOST_RATE) ?? 0;
    const burst = fields.integer(`${direction}Burst`, 0, MOST_BURST) ?? 0;
    if (rate === 0 && burst !== 0)
      throw new CniError(
        CNI_ERROR.invalidConfig,
        `field runtimeConfig.bandwidth.${direction}Burst is ${burst} and ${direction}Rate is not there`,
      );
    if (rate === 0) return undefined;
    return { rate, burst: burst === 0 || burst >= NO_BURST_CHOSEN ? undefined : burst };
  };
  return { ingress: limit('ingress'), egress: limit('egress') };
}

/** The token bucket for a limit on a link with this MTU (0: the usual one). A burst below one frame would let nothing pass and is raised to it. */
export function bucketOf({ rate, burst }: RateLimit, mtu: number): TokenBucket {
  const frame = (mtu === 0 ? DEFAULT_MTU : mtu) + HEADER_BYTES;
  const bytes = Math.max(1, Math.floor(rate / 8));
  const least = FRAMES * frame;
  const atOnce = burst === undefined ? Math.max(bytes * BURST_S, least) : Math.max(burst / 8, frame);
  const waiting = Math.max(bytes * LATENCY_S, least);
  return {
    rate: bytes,
    burst: Math.min(Math.floor(atOnce), UINT32_MAX),
    limit: Math.min(Math.floor(atOnce + waiting), UINT32_MAX),
  };
}
