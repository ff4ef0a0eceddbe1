import { describe, expect, it } from 'vitest';
import { droppingChains, firewallProblem } from '../../../src/local-cluster/network/firewall.ts';

const chain = (table: string, name: string, policy: string, rules = ''): string =>
  `table ${table} {\n\tchain ${name} {\n\t\ttype filter hook forward priority filter; policy ${policy};\n${rules}\t}\n}\n`;
const problem = (ruleset: string) => firewallProblem('gantry-demo', droppingChains(ruleset));

describe('a firewall that drops what is forwarded', () => {
  it("is told with iptables' way out where iptables made it", () => {
    expect(problem(`${chain('ip nat', 'POSTROUTING', 'accept')}${chain('ip filter', 'FORWARD', 'drop')}`)).toEqual({
      line: 'a firewall of this machine drops what is forwarded (the policy of the chain FORWARD of the table ip filter)',
      remedy: 'iptables -I FORWARD -i gantry-demo -j ACCEPT; iptables -I FORWARD -o gantry-demo -j ACCEPT',
    });
  });

  it("is told with nft's where somebody else did", () => {
    expect(problem(chain('inet fw', 'fwd', 'drop'))?.remedy).toBe(
      'nft insert rule inet fw fwd iifname gantry-demo accept; nft insert rule inet fw fwd oifname gantry-demo accept',
    );
  });

  it.each([
    ['accepts', chain('ip filter', 'FORWARD', 'accept')],
    ['is for IPv6 alone', chain('ip6 filter', 'FORWARD', 'drop')],
    ['has a rule for the bridge', chain('ip filter', 'FORWARD', 'drop', '\t\tiifname "gantry-demo" accept\n')],
    ['has a rule for all our bridges', chain('ip filter', 'FORWARD', 'drop', '\t\tiifname "gantry-*" accept\n')],
    [
      'drops what comes in',
      'table ip filter {\n\tchain INPUT {\n\t\ttype filter hook input priority filter; policy drop;\n\t}\n}\n',
    ],
  ])('is not one that %s', (_, ruleset) => {
    expect(problem(ruleset)).toBeUndefined();
  });
});
