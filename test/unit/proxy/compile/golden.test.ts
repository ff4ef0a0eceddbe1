import { describe, expect, it } from 'vitest';
import type { IpFamily } from '../../../../src/base/cidr.ts';
import type { ProxyMode } from '../../../../src/proxy/settings.ts';
import { NODE, ProxyRules } from '../../../harness/proxy-rules.ts';
import { sampleService, sampleSlice } from '../../../harness/proxy-world.ts';

/** Rules for services that have everything. */
function sampleRules(mode: ProxyMode, family: IpFamily): ProxyRules {
  const rules = new ProxyRules({ mode, family });
  const [vip, other, lb, pod, remote] =
    family === 4
      ? ['10.96.0.10', '10.96.0.11', '203.0.113.1', '10.244.0.5', '10.244.1.5']
      : ['fd00:96::a', 'fd00:96::b', '2001:db8::1', 'fd00:244::5', 'fd00:245::5'];
  const range = family === 4 ? '172.16.0.0/12' : '2001:db8:1::/48';
  const web = sampleService(
    'web',
    {
      type: 'LoadBalancer',
      clusterIPs: [vip],
      ports: [{ port: 80, protocol: 'TCP', nodePort: 30080 }],
      externalTrafficPolicy: 'Local',
      healthCheckNodePort: 31000,
      loadBalancerSourceRanges: [range],
    },
    [{ ip: lb }],
  );
  const sticky = sampleService('sticky', {
    type: 'NodePort',
    clusterIPs: [other],
    ports: [
      { name: 'dns', port: 53, protocol: 'UDP', nodePort: 30053 },
      { name: 'none', port: 54, protocol: 'TCP' },
    ],
    sessionAffinity: 'ClientIP',
    sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } },
  });
  const endpoints = [
    { ip: pod, node: NODE },
    { ip: remote, node: 'node-b' },
  ];
  rules.set('default/web', web, [sampleSlice('web', endpoints)]);
  rules.set('default/sticky', sticky, [
    sampleSlice('sticky', endpoints, [{ name: 'dns', port: 5353, protocol: 'UDP' }]),
  ]);
  return rules;
}

/** The texts of one endpoint more, and of one less. */
async function changes(mode: ProxyMode): Promise<readonly string[]> {
  const rules = new ProxyRules({ mode });
  const service = sampleService('web', { clusterIPs: ['10.96.0.10'], ports: [{ port: 80, protocol: 'TCP' }] });
  const many = Array.from({ length: mode === 'nftables' ? 50 : 4 }, (_, i) => ({ ip: `10.244.1.${i + 1}` }));
  rules.set('default/web', service, [sampleSlice('web', many.slice(0, -1))]);
  await rules.apply();
  rules.set('default/web', service, [sampleSlice('web', many)]);
  await rules.apply();
  rules.set('default/web', service, [sampleSlice('web', many.slice(1))]);
  await rules.apply();
  return rules.texts.slice(1);
}

/** The whole text for services that have everything: what a reader of a change should see. */
describe('the commands of a start', () => {
  it.each([4, 6] as const)('are those of the golden file of IPv%i', async family => {
    const rules = sampleRules('nftables', family);
    await rules.apply();
    await expect(rules.texts.join('')).toMatchFileSnapshot(`./golden/start-ipv${family}.nft`);
  });

  it.each([4, 6] as const)('are those of the golden file of IPv%i in IPVS mode', async family => {
    const rules = sampleRules('ipvs', family);
    await rules.apply();
    await expect(rules.texts.join('')).toMatchFileSnapshot(`./golden/start-ipv${family}.ipvs`);
  });

  it.each([4, 6] as const)('are those of the golden file of IPv%i in iptables mode', async family => {
    const rules = sampleRules('iptables', family);
    await rules.apply();
    await expect(rules.texts.join('')).toMatchFileSnapshot(`./golden/start-ipv${family}.iptables`);
  });
});

describe('the commands of a change', () => {
  it.each([
    ['nftables', 'nft'],
    ['iptables', 'iptables'],
    ['ipvs', 'ipvs'],
  ] as const)('are few for one endpoint more, and for one less (%s)', async (mode, suffix) => {
    const texts = await changes(mode);
    await expect(texts.join('\n')).toMatchFileSnapshot(`./golden/endpoint-more-and-less.${suffix}`);
  });
});
