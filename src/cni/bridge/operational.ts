import { getLink } from '../../linux/netlink/links.ts';
import { NetlinkSocket } from '../../linux/netlink/socket.ts';
import { inNetns } from '../../linux/netns.ts';
import { CNI_ERROR, CniError } from '../protocol/error.ts';
import type { VethPlace } from './apply.ts';
import { LinkNews } from './link-news.ts';
import type { PodPlan } from './plan.ts';

/** Upstream's bridge plugin gives the near end so long, in five looks. */
const PATIENCE_MS = 2_550;
/** The bridge opens with its first port, in the kernel's next turn; one that learns a spanning tree takes half a minute, and is not waited for. */
const BRIDGE_PATIENCE_MS = 100;

/** Waits for pairs to be of use, in the network namespace in which it was made. */
export class PairReadiness {
  readonly #links: NetlinkSocket;
  readonly #news = new LinkNews();

  constructor(links: NetlinkSocket) {
    this.#links = links;
  }

  /**
   * Waits until frames pass both ends of a pair that is up, and the bridge, so that the first one of a pod is not lost: whoever sends it tries again only a second later. Throws CniError 11 with the end that does not become operational in time; for the bridge nothing fails.
   */
  async untilOperational({ hostLink }: PodPlan, { ifname, netnsFd, bridge }: VethPlace): Promise<void> {
    const isHere = (key: string | number): boolean => getLink(this.#links, key)?.operational === true;
    const isInside = (): boolean =>
      inNetns(netnsFd, () => NetlinkSocket.use(links => getLink(links, ifname)?.operational === true));
    if (!(await this.#news.until(() => isInside() && isHere(hostLink), PATIENCE_MS)))
      throw new CniError(
        CNI_ERROR.tryAgainLater,
        `the link ${isInside() ? hostLink : ifname} carries nothing yet, ${PATIENCE_MS} ms after it was set up`,
      );
    await this.#news.until(() => isHere(bridge.index), BRIDGE_PATIENCE_MS);
  }
}
