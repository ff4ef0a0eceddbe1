import { type NetlinkEvents, openNetlinkEvents } from '../../linux/netlink/events.ts';
import { NETLINK_ROUTE } from '../../linux/netlink/socket.ts';

/** RTNLGRP_LINK: links that come, go or change. */
const LINK_GROUP = 1;

/** Waits for what the links of a network namespace are to become: that in which waiting was begun. The kernel is listened to only while somebody waits. */
export class LinkNews {
  readonly #looks = new Set<() => void>();
  #events: NetlinkEvents | undefined;

  /** Looks now and whenever a link changes. False when it was not so within `ms`. Rejects with what `isSo` throws. */
  until(isSo: () => boolean, ms: number): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void): void => {
        clearTimeout(timer);
        this.#forget(look);
        settle();
      };
      const look = (): void => {
        try {
          if (isSo()) end(() => resolve(true));
        } catch (error) {
          end(() => reject(error));
        }
      };
      const timer = setTimeout(() => end(() => resolve(false)), ms);
      this.#looks.add(look);
      look();
      if (!this.#looks.has(look)) return;
      try {
        this.#events ??= openNetlinkEvents(NETLINK_ROUTE, [LINK_GROUP], this.#tell, this.#tell);
      } catch (error) {
        end(() => reject(error));
        return;
      }
      // what has come between the first look and the listening
      look();
    });
  }

  readonly #tell = (): void => {
    for (const look of [...this.#looks]) look();
  };

  #forget(look: () => void): void {
    this.#looks.delete(look);
    if (this.#looks.size > 0) return;
    this.#events?.close();
    this.#events = undefined;
  }
}
