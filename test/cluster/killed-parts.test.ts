import { killRounds } from './kill-rounds.ts';

killRounds('kill -9 of each part of the control plane and of the nodes, as processes of their own', daemons =>
  daemons.takeApart(),
);
