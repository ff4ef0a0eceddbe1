import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from '../../src/linux/command.ts';
import { TestNodeRole } from '../harness/node-role.ts';
import { familyIp, PODS, ProxyNode } from '../harness/proxy-node.ts';
import { waitFor } from '../harness/wait-for.ts';
import { proxyLife, serviceTraffic } from './proxy-scenarios.ts';

describe('the service proxy', () => {
  let node: ProxyNode;

  beforeAll(async () => {
    node = await ProxyNode.start();
    await node.startProxy([]);
  });

  afterAll(() => node?.stop());

  serviceTraffic(() => node);

  it('refuses what is no port of a service at once', async () => {
    const service = await node.create('ports', { ports: [{ port: 53, targetPort: 8080, protocol: 'UDP' }] });
    await node.endpoints('ports', [{ pod: 'two' }], 'UDP');
    for (const family of [4, 6] as const) await node.answers('client', familyIp(service, family), 53, 'ECONNREFUSED');
  });

  it('keeps a client with its endpoint until the time is over or the endpoint gone, in both families', async () => {
    const affinity = { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 2 } } };
    const service = await node.create('sticky', affinity);
    for (const family of [4, 6] as const) {
      const host = familyIp(service, family);
      await node.endpoints('sticky', [{ pod: 'one' }, { pod: 'two' }]);
      const askOnce = async (): Promise<string> =>
        (await node.agents.client.ask({ protocol: 'tcp', host, port: 80, timeoutMs: 300 }))[0] ?? '';
      await waitFor('the service to answer', async () => (await askOnce()).includes(' '));
      const seen = await node.agents.client.ask({ protocol: 'tcp', host, port: 80, times: 30 });
      expect(new Set(seen).size).toBe(1);
      const other = seen[0]?.startsWith('one') ? 'two' : 'one';
      await waitFor('the other one, some time after the client was forgotten', async () => {
        const map = ['list', 'map', family === 4 ? 'ip' : 'ip6', 'gantry_proxy', 'service-affinity'];
        await waitFor('the client to be forgotten', async saw => {
          const { stdout } = await runCommand('nft', map);
          saw(stdout.toString());
          return !stdout.includes('elements');
        });
        return (await askOnce()).startsWith(other);
      });
      await node.endpoints('sticky', [{ pod: other === 'one' ? 'two' : 'one' }]);
      const ip = PODS.client[family === 4 ? 'ip' : 'ip6'];
      await node.answers('client', host, 80, `${other === 'one' ? 'two' : 'one'} ${ip}`);
    }
  });

  proxyLife('nftables', () => node);

  it.each([
    ['an element is gone', ['flush', 'map', 'ip', 'gantry_proxy', 'services']],
    ['its rules are gone', ['flush', 'chain', 'ip', 'gantry_proxy', 'nat-prerouting']],
    ['its table is gone', ['delete', 'table', 'ip', 'gantry_proxy']],
    ['all tables are gone', ['flush', 'ruleset']],
  ])('writes its table anew when %s', async (_, command) => {
    const { items } = await node.services.list('default', { fieldSelector: 'metadata.name=web' });
    const host = items[0] === undefined ? '' : familyIp(items[0], 4);
    expect((await node.agents.client.ask({ protocol: 'tcp', host, port: 80 }))[0]).toContain(PODS.client.ip);
    await runCommand('nft', command);
    await waitFor(
      'the service to answer again',
      async saw => {
        saw(node.proxy.log.slice(-600));
        const [answer] = await node.agents.client.ask({ protocol: 'tcp', host, port: 80, timeoutMs: 300 });
        return answer?.includes(PODS.client.ip);
      },
      { timeoutMs: 5000 },
    );
  });

  it('takes all its rules away when asked, and no others', async () => {
    await runCommand('nft', ['add', 'table', 'ip', 'other']);
    await node.proxy.stop('SIGTERM');
    const cleanup = new TestNodeRole('proxy', ['--cleanup']);
    cleanup.start();
    await waitFor('its tables to be gone', async saw => {
      const { stdout } = await runCommand('nft', ['list', 'tables']);
      saw(stdout.toString());
      return stdout.toString() === 'table ip other\n';
    });
    await cleanup.stop();
    await runCommand('nft', ['delete', 'table', 'ip', 'other']);
  });
});
