import { expect, test } from 'vitest';
import { setsSysctl } from '../../../src/linux/sysctl.ts';

const NAME = 'net.ipv4.conf.all.route_localnet';

test.each(['net.ipv4.conf.all.route_localnet=1', ' - net/ipv4/conf/all/route_localnet = 1 ', `x = 0\n-${NAME}=1`])(
  '%j sets it',
  text => {
    expect(setsSysctl(text, NAME)).toBe(true);
  },
);

test.each(['', `# ${NAME}=1`, `; ${NAME}=1`, `${NAME} = 0`, 'net.ipv4.conf.all.forwarding=1', `${NAME}1 = 1`])(
  '%j does not',
  text => {
    expect(setsSysctl(text, NAME)).toBe(false);
  },
);
