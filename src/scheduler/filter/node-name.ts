import type { Filter, Refusal } from './filter.ts';

const NAME = 'NodeName';
const OTHER: Refusal = { plugin: NAME, isFinal: true, reasons: ["node(s) didn't match the requested node name"] };

/** A pod that names its node is for that one. */
export const nodeName: Filter = {
  name: NAME,
  prepare({ pod }) {
    const { nodeName: wanted = '' } = pod.spec;
    return wanted === '' ? undefined : { check: ({ name }) => (name === wanted ? undefined : OTHER) };
  },
  changes: ['node'],
  mayHelp: change => change.kind === 'node' && change.before === undefined,
};
