/**
 * How fast nodes may be emptied, zone by zone. Where many nodes are lost at once it is more likely that we are cut off than that they are: upstream's rules,
 * which slow down and stop.
 */

export type ZoneState = 'initial' | 'normal' | 'partial-disruption' | 'full-disruption';

export interface EvictionRates {
  /** Nodes per second. */
  readonly normal: number;
  /** In a zone of which much is lost. */
  readonly secondary: number;
  /** Zones of up to so many nodes are not emptied at all when much of them is lost. */
  readonly largeZone: number;
  /** From this part of the nodes on, and three of them, much of a zone is lost. */
  readonly unhealthy: number;
}

export interface ZoneCount {
  readonly ready: number;
  readonly notReady: number;
}

export function zoneState({ ready, notReady }: ZoneCount, unhealthy: number): ZoneState {
  if (ready === 0 && notReady > 0) return 'full-disruption';
  return notReady > 2 && notReady / (notReady + ready) >= unhealthy ? 'partial-disruption' : 'normal';
}

function rateOf(state: ZoneState, { ready, notReady }: ZoneCount, rates: EvictionRates): number {
  if (state !== 'partial-disruption') return rates.normal;
  return ready + notReady > rates.largeZone ? rates.secondary : 0;
}

export interface ZonesChange {
  readonly states: ReadonlyMap<string, ZoneState>;
  /** Zones whose rate is another from now on, in nodes per second. */
  readonly rates: ReadonlyMap<string, number>;
  /** All zones have just been lost: nobody is sent away any more. Or one has come back: nodes get their time anew. */
  readonly turn: 'all-lost' | 'back' | undefined;
}

/** What follows from how many nodes of each zone are ready. `before` has the zones that were known, those that have no nodes any more too. */
export function judgeZones(
  before: ReadonlyMap<string, ZoneState>,
  counts: ReadonlyMap<string, ZoneCount>,
  rates: EvictionRates,
): ZonesChange {
  const found = new Map([...counts].map(([zone, count]) => [zone, zoneState(count, rates.unhealthy)]));
  const allLost = [...found.values()].every(state => state === 'full-disruption');
  const known = new Map([...counts.keys()].map(zone => [zone, before.get(zone) ?? ('initial' as const)]));
  const allWereLost = [...known.values()].every(state => state === 'full-disruption');
  const rateIn = (zone: string): number => {
    const count = counts.get(zone) ?? { ready: 0, notReady: 0 };
    return rateOf(found.get(zone) ?? 'normal', count, rates);
  };
  if (allLost && allWereLost) return { states: known, rates: new Map(), turn: undefined };
  if (allLost) return { states: found, rates: new Map([...found.keys()].map(zone => [zone, 0])), turn: 'all-lost' };
  if (allWereLost)
    return { states: found, rates: new Map([...found.keys()].map(zone => [zone, rateIn(zone)])), turn: 'back' };
  const changed = [...found].filter(([zone, state]) => known.get(zone) !== state);
  return { states: found, rates: new Map(changed.map(([zone]) => [zone, rateIn(zone)])), turn: undefined };
}
