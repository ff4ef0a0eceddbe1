import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Host } from '../../src/local-cluster/host/host.ts';
import { gantryCommand } from '../harness/gantry-command.ts';
import { run } from '../harness/host.ts';
import { BUSYBOX, imageArchive } from '../harness/images.ts';
import { linkedMachines } from '../harness/linked-machines.ts';
import { kubectl, RESET, SLOW } from '../harness/reset-machine.ts';
import { waitFor } from '../harness/wait-for.ts';

const IGNORE = '--ignore-preflight-errors=NumCPU,Mem';

/** By whom Services and names are served on a machine. */
async function serves(host: Host): Promise<{ readonly proxy: boolean; readonly dns: boolean }> {
  const tables = await run(host, ['nft', 'list', 'tables']);
  const sockets = await run(host, ['ss', '-Hlnu']);
  return { proxy: tables.includes('gantry_proxy'), dns: sockets.includes('169.254.20.10:53') };
}

describe('a cluster that is made without addons', { timeout: 240_000 }, () => {
  let first: Host;
  let second: Host;
  const join = async (): Promise<string> => {
    const printed = await run(first, gantryCommand('token', 'create', '--print-join-command'));
    const [, ...words] = printed.trim().split(' ');
    const said = await run(second, gantryCommand(...words), SLOW);
    // it registers itself after the command has ended
    await waitFor('the node to be there', () => kubectl(first, `get node ${second.name}`));
    await kubectl(first, `wait --for=condition=Ready node/${second.name} --timeout=60s`);
    return said;
  };
  const leave = async (): Promise<void> => {
    await run(second, RESET, SLOW);
    await kubectl(first, `delete node ${second.name}`);
  };

  const initWithout = async (): Promise<void> => {
    const documents = [
      { kind: 'ClusterConfiguration', proxy: { disabled: true }, dns: { disabled: true } },
      { kind: 'InitConfiguration', nodeRegistration: { ignorePreflightErrors: ['NumCPU', 'Mem'] } },
    ].map(each => JSON.stringify({ apiVersion: 'kubeadm.k8s.io/v1beta4', ...each }));
    await run(first, ['sh', '-c', 'cat >/etc/config.yaml'], { input: documents.join('\n---\n') });
    const said = await run(first, gantryCommand('init', '--config=/etc/config.yaml'), SLOW);
    expect(said).toContain('[addon] The proxy is disabled');
    expect(said).toContain('[addon] The DNS is disabled');
  };

  beforeAll(async () => {
    [first, second] = await linkedMachines();
  });
  afterAll(async () => {
    await second?.delete();
    await first?.delete();
  });

  it('has nodes that serve neither Services nor names', async () => {
    const said = await run(first, gantryCommand('init', IGNORE, '--skip-phases=addon'), SLOW);
    expect(said).not.toContain('[addon]');
    expect(await join()).toContain(
      'There is no ConfigMap "kube-proxy": the cluster was made without the proxy, so none runs here',
    );
    expect([await serves(first), await serves(second)]).toEqual([
      { proxy: false, dns: false },
      { proxy: false, dns: false },
    ]);
  });

  it('is well by its status, which has no proxy in it', async () => {
    for (const host of [first, second])
      await waitFor(`${host.name} to be well`, async saw => {
        const { code, stdout } = await host.exec(gantryCommand('status'));
        saw(stdout);
        return code === 0 && !/proxy/i.test(stdout);
      });
  });

  it('runs pods, which ask the DNS of the cluster that somebody else is to bring', async () => {
    await run(second, gantryCommand('image', 'import', await imageArchive(BUSYBOX)));
    await waitFor('the account of the namespace', () => kubectl(first, 'get serviceaccount default'));
    await kubectl(first, 'apply -f -', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p' },
      spec: { containers: [{ name: 'c', image: BUSYBOX, command: ['sh', '-c', 'cat /etc/resolv.conf; sleep 1000'] }] },
    });
    await kubectl(first, 'wait --for=condition=Ready pod/p --timeout=60s');
    expect(await kubectl(first, 'logs p')).toMatch(/^nameserver 10\.96\.0\.10$/m);
    expect(await kubectl(first, 'logs p')).not.toContain('169.254.20.10');
  });

  it('gets them by the phases that were left out', async () => {
    await leave();
    for (const phase of ['addon all', 'upload-config all', 'kubelet-start'])
      await run(first, gantryCommand('init', 'phase', ...phase.split(' '), IGNORE), SLOW);
    await join();
    for (const host of [first, second])
      await waitFor(`Services and names on ${host.name}`, async saw => {
        const now = await serves(host);
        saw(now);
        return now.proxy && now.dns;
      });
  });

  it('takes nodes without a proxy once its ConfigMap was deleted, as who serves Services otherwise does', async () => {
    await leave();
    await kubectl(first, 'delete configmap kube-proxy -n kube-system');
    expect(await join()).toContain('There is no ConfigMap "kube-proxy"');
    await waitFor('names on the node', async () => (await serves(second)).dns);
    expect((await serves(second)).proxy).toBe(false);
  });

  it('lets another have the port of DNS, which is in the way where the cluster has a server of ours', async () => {
    await leave();
    const printed = await run(first, gantryCommand('token', 'create', '--print-join-command'));
    const other = await second.supervise('other-dns', ['socat', 'UDP4-RECVFROM:53,fork', 'EXEC:cat']);
    await waitFor('the other server', async () => (await run(second, ['ss', '-Hlnu'])).includes('0.0.0.0:53'));
    const refused = await second.exec(gantryCommand(...printed.trim().split(' ').slice(1)), SLOW);
    expect(refused.code).toBe(2);
    expect(`${refused.stdout}${refused.stderr}`).toContain('[ERROR Port-53]');

    await run(first, RESET, SLOW);
    await initWithout();
    await join();
    expect([await serves(first), await serves(second)]).toEqual([
      { proxy: false, dns: false },
      { proxy: false, dns: false },
    ]);
    await other.stop();
  });
});
