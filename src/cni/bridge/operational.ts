import { getLink } from '../../linux/netlink/links.ts';
import { NetlinkSocket } from '../../linux/netlink/socket.ts';
import { inNetns } from '../../linux/netns.ts';
import { CNI_ERROR, CniError } from '../protocol/error.ts';
import type { VethPlace } from './apply.ts';
import { LinkNews } from './link-news.ts';
import type { PodPlan } from './plan.ts';

/** Upstream's bridge plugin gives the near end so long, in five looks. */
const PATIENCE_MS = 2_550;

/** Waits for pairs to be of use, in the network namespace in which it was made. */
export class PairReadiness {
  readonly #links: NetlinkSocket;
  readonly #news = new LinkNews();

  constructor(links: NetlinkSocket) {
    this.#links = links;
  }

  /**
   * Waits until frames pass both ends of a pair that is up, and the bridge, so that the first one of a pod is not lost: whoever sends it tries again only a second later. Throws CniError 11 with the end that does not become operational in time; for the bridge alone, which may have a spanning tree to learn, nothing fails.
   */
  async untilOperational({ hostLink }: PodPlan, { ifname, netnsFd, bridge }: VethPlace): Promise<void> {
    const isHere = (key: string | number): boolean => getLink(this.#links, key)?.operational === true;
    const isInside = (): boolean =>
      inNetns(netnsFd, () => NetlinkSocket.use(links => getLink(links, ifname)?.operational === true));
    // the near end last but one: its own change is what opens the bridge
    if (await this.#news.until(() => isInside() && isHere(hostLink) && isHere(bridge.index), PATIENCE_MS)) return;
    const late = isInside() ? hostLink : ifname;
    if (late === ifname || !isHere(hostLink))
      throw new CniError(
        CNI_ERROR.tryAgainLater,
        `the link ${late} carries nothing yet, ${PATIENCE_MS} ms after it was set up`,
      );
  }
}
