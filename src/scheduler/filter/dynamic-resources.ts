import type { Filter } from './filter.ts';

const NAME = 'DynamicResources';

/** Devices by resource claims are not given out here: a pod that wants some waits, rather than to start without them. */
export const dynamicResources: Filter = {
  name: NAME,
  prepare({ pod }) {
    if ((pod.spec.resourceClaims ?? []).length === 0) return undefined;
    return {
      plugin: NAME,
      isFinal: true,
      reasons: ['this scheduler does not allocate the devices of resource claims'],
    };
  },
  changes: [],
  mayHelp: () => false,
};
