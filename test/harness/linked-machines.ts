import { runCommand } from '../../src/linux/command.ts';
import type { Host } from '../../src/local-cluster/host/host.ts';
import { run, testHost } from './host.ts';
import { waitFor } from './wait-for.ts';

/** Of the first and the second machine. */
export const LINKED_ADDRESSES = ['10.50.0.2', '10.50.0.3'] as const;

/** Two machines with one cable between them and a default route by it, as they are before anybody makes nodes of them. The caller deletes both. */
export async function linkedMachines(): Promise<readonly [Host, Host]> {
  const first = await testHost();
  try {
    const second = await testHost();
    try {
      const pids = [first, second].map(({ pid1 }) => String(pid1.pid)) as [string, string];
      const { code, stderr } = await runCommand('ip', [
        ...['link', 'add', 'eth0', 'netns', pids[0], 'type', 'veth'],
        ...['peer', 'name', 'eth0', 'netns', pids[1]],
      ]);
      if (code !== 0) throw new Error(`the cable: ${stderr.toString('utf8')}`);
      await Promise.all([
        plug(first, LINKED_ADDRESSES[0], LINKED_ADDRESSES[1]),
        plug(second, LINKED_ADDRESSES[1], LINKED_ADDRESSES[0]),
      ]);
      // the kernel tells of a carrier up to a second later, and a link without one has no address to go by
      for (const host of [first, second])
        await waitFor(`the carrier of ${host.name}`, async saw => {
          const link = await run(host, ['ip', '-o', 'link', 'show', 'eth0']);
          saw(link);
          return link.includes('state UP');
        });
      return [first, second];
    } catch (error) {
      await second.delete();
      throw error;
    }
  } catch (error) {
    await first.delete();
    throw error;
  }
}

async function plug(host: Host, address: string, neighbour: string): Promise<void> {
  for (const command of [
    'ip link set eth0 addrgenmode none',
    `ip addr add ${address}/24 dev eth0`,
    'ip link set eth0 up',
    `ip route add default via ${neighbour}`,
    'sysctl -qw net.ipv4.ip_forward=1',
  ])
    await run(host, command.split(' '));
}
