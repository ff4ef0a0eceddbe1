import { AGE, column, NAME } from './cells.ts';

/** The first columns of what keeps a number of pods. */
export const REPLICA_COLUMNS = [
  NAME,
  column('Desired', { type: 'integer' }),
  column('Current', { type: 'integer' }),
  column('Ready', { type: 'integer' }),
  AGE,
];
