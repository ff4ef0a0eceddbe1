import { killRounds } from './kill-rounds.ts';

killRounds('kill -9 of each daemon of the nodes', () => Promise.resolve());
