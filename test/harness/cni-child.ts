// One operation of the pod network in a process of its own, so that a test can kill it at a fault point. argv: a JSON object (ChildTask).

import type { CriConfig } from '../../src/cri/config.ts';
import { openPodNetwork } from '../../src/cri/network/pod-network.ts';
import type { NetworkAttachment, PodNetwork } from '../../src/cri/network/ports.ts';
import { createLogger } from '../../src/daemon/logger.ts';
import { createNetns, removeNetns } from '../../src/linux/netns.ts';
import { attachmentOf } from './cni-network.ts';

export type ChildTask = { readonly config: CriConfig['cni'] } & (
  | { readonly verb: 'add' | 'remove'; readonly attachment: NetworkAttachment }
  | { readonly verb: 'prune'; readonly keep: readonly string[] }
  /** Makes and removes pods without end, one namespace path after the other; prints a line when it begins. */
  | { readonly verb: 'churn'; readonly netnsPaths: readonly string[] }
);

async function main(task: ChildTask): Promise<void> {
  const network = openPodNetwork(task.config, createLogger({ daemon: 'cni-child', level: 'warn' }));
  if (task.verb === 'churn') await churn(network, task.netnsPaths);
  else if (task.verb === 'prune') await network.prune(() => new Set(task.keep));
  else await network[task.verb](task.attachment);
  await network.close();
}

async function churn(network: PodNetwork, netnsPaths: readonly string[]): Promise<never> {
  console.log('begun');
  for (;;)
    for (const path of netnsPaths) {
      removeNetns(path);
      createNetns(path);
      const attachment = attachmentOf(path, { annotations: { 'kubernetes.io/egress-bandwidth': '10M' } });
      await network.add(attachment);
      await network.remove(attachment);
    }
}

main(JSON.parse(process.argv[2] ?? '{}') as ChildTask).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
