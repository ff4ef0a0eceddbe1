import type { Clock } from '../base/clock.ts';
import { errorMessage } from '../base/errors.ts';
import { addRoute, listRoutes, type OwnedRoute, removeRoute, routeTo } from '../linux/netlink/routes.ts';
import { NetlinkError, type NetlinkSocket } from '../linux/netlink/socket.ts';
import type { PodRoute } from './plan.ts';

/** The mark of our routes, `proto 103` in the words of ip(8): nothing that is registered for others. */
export const ROUTE_PROTOCOL = 103;

const TELL_AGAIN_MS = 30 * 60_000;

/** Keeps the routes to other nodes' pods as they shall be. Routes of others are left alone. */
export class RouteKeeper {
  readonly #socket: NetlinkSocket;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #warn: (message: string) => void;
  /** What was told about a destination that is not reached, and when. */
  readonly #told = new Map<string, { readonly text: string; readonly at: number }>();

  /** `warn` is given a sentence about each destination that is not reached, and again every half hour: events, which it may make of it, are forgotten after an hour. */
  constructor(socket: NetlinkSocket, clock: Pick<Clock, 'monotonic'>, warn: (message: string) => void) {
    this.#socket = socket;
    this.#clock = clock;
    this.#warn = warn;
  }

  /** Adds what is missing and removes what is ours and not wanted. Idempotent: some 0.2 ms where nothing is to be done. */
  keep(wanted: readonly PodRoute[]): void {
    const present = listRoutes(this.#socket).filter(({ protocol }) => protocol === ROUTE_PROTOCOL);
    const missing: OwnedRoute[] = [];
    const kept = new Set<OwnedRoute>();
    for (const route of wanted) {
      const way = this.#wayTo(route);
      if (way === undefined) continue;
      const known = present.find(each => isSame(each, way));
      if (known === undefined) missing.push(way);
      else kept.add(known);
    }
    for (const route of present) if (!kept.has(route)) removeRoute(this.#socket, route);
    for (const route of missing) this.#add(route);
    for (const destination of this.#told.keys())
      if (!wanted.some(route => route.destination === destination)) this.#told.delete(destination);
  }

  /** By the link on which the node is a neighbour. Where a router is between, the route would lead to somebody who does not know the way. */
  #wayTo({ node, destination, gateway }: PodRoute): OwnedRoute | undefined {
    const way = routeTo(this.#socket, gateway);
    if (way === undefined || way.gateway !== undefined) {
      const why = way === undefined ? 'there is no route to it' : `it is behind the router ${way.gateway}`;
      this.#tell(destination, `pods of node ${node} are not reached: ${gateway} is on no link of this machine, ${why}`);
      return undefined;
    }
    this.#told.delete(destination);
    return { destination, gateway, linkIndex: way.linkIndex, protocol: ROUTE_PROTOCOL };
  }

  #add(route: OwnedRoute): void {
    try {
      addRoute(this.#socket, route, ROUTE_PROTOCOL);
    } catch (error) {
      const isTaken = error instanceof NetlinkError && error.code === 'EEXIST';
      const why = isTaken ? 'somebody else has a route to it' : errorMessage(error);
      this.#tell(route.destination, `the route to ${route.destination} over ${route.gateway} was not added: ${why}`);
    }
  }

  #tell(destination: string, text: string): void {
    const now = this.#clock.monotonic();
    const before = this.#told.get(destination);
    if (before?.text === text && now - before.at < TELL_AGAIN_MS) return;
    this.#told.set(destination, { text, at: now });
    this.#warn(text);
  }
}

/** Takes all routes of ours away. */
export function removeRoutes(socket: NetlinkSocket): void {
  for (const route of listRoutes(socket)) if (route.protocol === ROUTE_PROTOCOL) removeRoute(socket, route);
}

function isSame(a: OwnedRoute, b: OwnedRoute): boolean {
  return a.destination === b.destination && a.gateway === b.gateway && a.linkIndex === b.linkIndex;
}
