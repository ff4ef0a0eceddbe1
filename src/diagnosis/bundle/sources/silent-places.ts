import { type Reach, silenceOf } from '../../reach/reach.ts';
import type { BundleSource } from '../item.ts';

/** The directories that do not answer: nothing of them is in the bundle. */
export function silentPlaces({ silent }: Reach): BundleSource {
  return {
    what: `what answers: ${silent.map(silenceOf).join(', and ')}`,
    timeoutMs: 1000,
    async *items() {
      for (const place of silent) yield { path: place.path, missing: `${silenceOf(place)}: nothing of it is here` };
    },
  };
}
