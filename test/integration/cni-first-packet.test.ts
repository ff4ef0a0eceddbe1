import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LinkNews } from '../../src/cni/bridge/link-news.ts';
import { runCommand } from '../../src/linux/command.ts';
import { createBridge, createVeth, deleteLink, getLink, setLinkUp } from '../../src/linux/netlink/links.ts';
import { NetlinkSocket } from '../../src/linux/netlink/socket.ts';
import { removeNetns } from '../../src/linux/netns.ts';
import { attachmentOf, openCniNetwork } from '../harness/cni-network.ts';
import { PrivateNetns } from '../harness/private-netns.ts';

/** Everything below happens in a namespace of this file alone: it plays the machine. */
let machine: PrivateNetns;
let links: NetlinkSocket;

beforeAll(() => {
  machine = PrivateNetns.enter();
  links = NetlinkSocket.open();
  setLinkUp(links, 1);
});

afterAll(() => {
  links.close();
  machine.leave();
});

/** Namespaces with links that end again and again: the kernel holds the lock of all links then, and opens others late. */
function churn(): ChildProcess {
  const links = 'for n in 1 2 3 4 5 6 7 8; do ip link add v$n type veth peer name w$n; done';
  return spawn('sh', ['-c', `while :; do unshare -n sh -c '${links}'; done`], { stdio: 'ignore', detached: true });
}

describe('the first packet of a pod', () => {
  it('arrives, however busy the kernel is with other links', async () => {
    const busy = [churn(), churn()];
    const lost: number[] = [];
    try {
      for (let n = 0; n < 30; n += 1) {
        const subnet = `10.${60 + n}.0`;
        const { network } = openCniNetwork([
          { type: 'gantry-bridge', bridge: `first${n}`, ipam: { subnet: `${subnet}.0/24` } },
        ]);
        const pod = attachmentOf(machine.create(`first${n}`));
        await network.add(pod);
        // one that is lost is sent again after a second
        const ping = ['busybox', 'ping', '-c1', '-W1', `${subnet}.1`];
        const { code } = await runCommand('nsenter', [`--net=${pod.netnsPath}`, ...ping]);
        if (code !== 0) lost.push(n);
        await network.remove(pod);
        removeNetns(pod.netnsPath);
        await network.prune(() => new Set());
        await network.close();
        deleteLink(links, `first${n}`);
      }
    } finally {
      for (const { pid } of busy) if (pid !== undefined) process.kill(-pid, 'SIGKILL');
    }
    expect(lost).toEqual([]);
  });
});

describe('news of links', () => {
  const listeners = (): number => process.listenerCount('SIGIO');

  it('wake who waits, each for his own, and nobody listens after', async () => {
    const news = new LinkNews();
    const before = listeners();
    const is = (name: string) => () => getLink(links, name)?.up === true;
    const waits = ['news1', 'news2'].map(name => news.until(is(name), 30_000));
    expect(listeners()).toBe(before + 1);
    for (const name of ['news1', 'news2']) {
      createBridge(links, { name, mtu: undefined, mac: '0a:00:00:00:00:0a' });
      await setTimeout(5);
    }
    expect(await Promise.all(waits)).toEqual([true, true]);
    expect(listeners()).toBe(before);
    expect(await news.until(is('news1'), 30_000)).toBe(true);
    for (const name of ['news1', 'news2']) deleteLink(links, name);
  });

  it('are waited for no longer than was said', async () => {
    const news = new LinkNews();
    const before = listeners();
    expect(await news.until(() => false, 20)).toBe(false);
    const broken = (): boolean => {
      throw new Error('broken');
    };
    await expect(news.until(broken, 20)).rejects.toThrow('broken');
    expect(listeners()).toBe(before);
  });

  it('tell of a carrier', async () => {
    const netnsFd = openSync('/proc/thread-self/ns/net', 'r');
    createVeth(links, {
      name: 'near',
      mtu: undefined,
      master: undefined,
      peer: { name: 'far', mac: '0a:00:00:00:00:09', netnsFd },
    });
    const news = new LinkNews();
    expect(getLink(links, 'near')).toMatchObject({ up: true, operational: false });
    const wait = news.until(() => getLink(links, 'near')?.operational === true, 30_000);
    setLinkUp(links, getLink(links, 'far')?.index ?? 0);
    expect(await wait).toBe(true);
    deleteLink(links, 'near');
    closeSync(netnsFd);
  });
});
