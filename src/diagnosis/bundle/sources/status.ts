import type { GatherOptions } from '../../status/gather.ts';
import { gatherStatus } from '../../status/gather.ts';
import { statusProblems } from '../../status/problems.ts';
import { statusDocument, statusScreen } from '../../status/screen.ts';
import type { ThisNode } from '../../status/this-node.ts';
import type { BundleSource } from '../item.ts';

/** What `gantry status` shows, for people and for programs: daemons, etcd and versions are in it. */
export function nodeStatus(node: ThisNode | undefined, options: Omit<GatherOptions, 'signal'>): BundleSource {
  return {
    what: 'the status of the node',
    timeoutMs: 10_000,
    async *items(signal) {
      if (node === undefined) {
        yield {
          path: 'status.json',
          missing: 'this machine is no node: neither gantry init nor gantry join has made one of it',
        };
        return;
      }
      const facts = await gatherStatus(node, { ...options, signal });
      const problems = statusProblems(facts);
      yield { path: 'status.txt', text: statusScreen(facts, problems) };
      yield { path: 'status.json', document: statusDocument(facts, problems) };
    },
  };
}
