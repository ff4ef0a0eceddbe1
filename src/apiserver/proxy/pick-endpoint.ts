import type { EndpointAddress, EndpointSubset } from '../../api/types/gen/core-v1.ts';

export interface EndpointChoice {
  readonly address: EndpointAddress;
  readonly port: number;
}

/**
 * The addresses that serve a port, in the order in which they are to be tried: from a random subset on, and in each from a random address on. `random` gives numbers
 * from 0 to less than 1. Pure but for it.
 */
export function* endpointChoices(
  subsets: readonly EndpointSubset[],
  portName: string,
  random: () => number,
): Generator<EndpointChoice> {
  for (const { addresses = [], ports = [] } of fromRandom(subsets, random)) {
    for (const port of ports.filter(each => (each.name ?? '') === portName))
      for (const address of fromRandom(addresses, random)) yield { address, port: port.port };
  }
}

function fromRandom<T>(list: readonly T[], random: () => number): readonly T[] {
  const first = Math.floor(random() * list.length);
  return [...list.slice(first), ...list.slice(0, first)];
}
