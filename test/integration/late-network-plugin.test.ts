import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseNetworkList } from '../../src/cni/protocol/network-list.ts';
import { AttachmentCache } from '../../src/cri/network/attachment-cache.ts';
import { podConfig } from '../harness/cri-pod.ts';
import { gantryHost, POD_SUBNET, type RuntimeHost } from '../harness/runtime-host.ts';
import { waitFor } from '../harness/wait-for.ts';

const GONE = 'a'.repeat(64);
/** Follows gantry-bridge and hands its result on; DEL of the sandbox that is gone, and GC, do not end. */
const LATE = `#!/bin/sh
config=$(cat)
echo "$CNI_COMMAND $CNI_CONTAINERID" >> /etc/gantry/calls
case "$CNI_COMMAND $CNI_CONTAINERID" in "DEL ${GONE}" | GC*) exec sleep 600 ;; esac
[ "$CNI_COMMAND" != ADD ] || printf %s "$config" | grep -o '"prevResult":.*[}]' | sed 's/"prevResult"://; s/[}]$//'
`;
const NETWORK = JSON.stringify({
  cniVersion: '1.1.0',
  name: 'late',
  plugins: [{ type: 'gantry-bridge', bridge: 'gantry0', ipam: { subnet: POD_SUBNET } }, { type: 'late' }],
});

let target: RuntimeHost;

beforeAll(async () => {
  target = await gantryHost({
    withoutImage: true,
    criConfig: 'cni:\n  binDirs: [/etc/gantry/bin]\n',
    prepare(host) {
      mkdirSync(host.path('/etc/gantry/bin'), { recursive: true });
      writeFileSync(host.path('/etc/gantry/bin/late'), LATE, { mode: 0o755 });
      writeFileSync(host.path('/etc/cni/net.d/10-gantry.conflist'), NETWORK);
      new AttachmentCache(host.path('/var/lib/gantry/cni-cache')).write({
        containerId: GONE,
        ifname: 'eth0',
        netns: '/run/gantry/cri/netns/gone',
        list: parseNetworkList(NETWORK, false),
        args: [],
        runtimeValues: {},
        result: undefined,
      });
    },
  });
});
afterAll(() => target.delete());

const calls = (): string[] => readFileSync(target.host.path('/etc/gantry/calls'), 'utf8').trim().split('\n');

it('is not waited for by the socket, nor by pods, when it should forget what a reboot has taken', async () => {
  const { client } = target;
  await waitFor('DEL of the sandbox that is gone', () => calls().includes(`DEL ${GONE}`));
  const { podSandboxId } = await client.runPodSandbox({ config: podConfig('early'), runtimeHandler: '' });
  await client.stopPodSandbox({ podSandboxId });
  await client.removePodSandbox({ podSandboxId });
  const own = calls().filter(call => !call.startsWith('STATUS'));
  expect(own).toEqual([`DEL ${GONE}`, `ADD ${podSandboxId}`, `DEL ${podSandboxId}`]);
});
