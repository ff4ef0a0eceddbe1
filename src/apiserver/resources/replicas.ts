import { AGE, columns, NAME } from './cells.ts';

/** The first columns of what keeps a number of pods. */
export const REPLICA_COLUMNS = [
  NAME,
  ...columns(
    {
      Desired: 'How many pods there are to be.',
      Current: 'How many pods there are.',
      Ready: 'How many of them are ready.',
    },
    { type: 'integer' },
  ),
  AGE,
];
