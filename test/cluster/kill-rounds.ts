import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AcknowledgedWrites } from '../harness/acknowledged-writes.ts';
import { TestCluster } from '../harness/cluster.ts';
import { ClusterDaemons, type Daemon } from '../harness/cluster-daemons.ts';
import { type RunningPod, runningPods } from '../harness/cluster-node-runtime.ts';
import { CountedWorkload } from '../harness/counted-workload.ts';
import { EchoConnection } from '../harness/echo-connection.ts';
import { Flood } from '../harness/flood.ts';
import { BUSYBOX, imageArchive } from '../harness/images.ts';
import { expectNoLeftovers } from '../harness/pod-leftovers.ts';
import { seededRandom } from '../harness/random.ts';
import { nodePortEndpoints } from '../harness/service-rules.ts';
import { waitFor } from '../harness/wait-for.ts';

const SOAK = process.env['GANTRY_SOAK'] === '1';
const ROUNDS = SOAK ? 10 : 1;
/** So often each daemon is killed in a round. */
const PASSES = SOAK ? 3 : 1;
/** So often daemons are killed again as soon as their supervisors have started them. */
const TIMES = SOAK ? 10 : 3;
const random = seededRandom();
const LONG = { timeout: 300_000 };

/** SIGKILL of every daemon of a cluster of two nodes, in an order and at moments that follow from the seed. `arrange` may change which there are. */
export function killRounds(title: string, arrange: (daemons: ClusterDaemons) => Promise<void>): void {
  describe(`${title} (GANTRY_SEED=${random.seed})`, () => {
    const cluster = new TestCluster();
    let daemons: ClusterDaemons;
    let workload: CountedWorkload;
    beforeAll(async () => {
      await cluster.create('--nodes', '2');
      expect(await cluster.run(['load image', await imageArchive(BUSYBOX)])).toMatchObject({ code: 0, err: '' });
      daemons = new ClusterDaemons(cluster);
      await arrange(daemons);
      await daemons.answer();
      workload = new CountedWorkload(cluster, daemons.nodes);
      await workload.apply();
    });
    afterAll(async () => {
      daemons?.close();
      await cluster.delete();
    });

    /** Waits until the rules of each node lead to the endpoints that are there, and to no other. */
    const expectRules = async (): Promise<void> => {
      const endpoints = await workload.endpoints(8080);
      for (const { name, host } of daemons.nodes)
        await waitFor(`the rules of ${name} to lead to ${endpoints.join()}`, async saw => {
          const found = await nodePortEndpoints(host, 8080);
          saw(found);
          return found.join() === endpoints.join();
        });
    };

    const flooded = async (): Promise<Flood> => {
      const urls = (await workload.addresses('http')).map(address => `http://${address}/`);
      const flood = new Flood(urls, { clients: 2, startsWith: 'web-' });
      await flood.flows();
      return flood;
    };

    it('fails no request, breaks no connection and restarts nothing while nobody changes anything', LONG, async () => {
      await workload.settled();
      const before = await runningPods(daemons.nodes);
      const connections = await Promise.all((await workload.addresses('echo')).map(EchoConnection.open));
      const flood = await flooded();
      for (const daemon of shuffled(daemons.all)) {
        await daemons.kill(daemon);
        await daemons.answer();
        await flood.flows();
      }
      for (let times = 0; times < TIMES; times += 1) await Promise.all(daemons.all.map(daemon => daemons.kill(daemon)));
      await daemons.answer();
      await flood.flows();
      await Promise.all([flood, ...connections].map(each => each.stop()));
      expect(flood.failures).toEqual([]);
      expect(connections.map(({ broken }) => broken)).toEqual([undefined, undefined]);
      expect(await runningPods(daemons.nodes)).toEqual(before);
      expect(workload.starts()).toEqual(workload.startsOnce());
      await expectRules();
    });

    it('loses and doubles nothing while Deployment, StatefulSet, Job and config map are under way, and fails no request', {
      timeout: 300_000 * ROUNDS,
    }, async () => {
      for (let round = 0; round < ROUNDS; round += 1) {
        const flood = await flooded();
        const writes = new AcknowledgedWrites(cluster.kubeconfig);
        try {
          await workload.update();
          for (const daemon of Array.from({ length: PASSES }, () => shuffled(daemons.all)).flat()) {
            await setTimeout(random.below(1500));
            await daemons.kill(daemon);
          }
          await workload.rolledOut();
          await expectRules();
          await flood.flows();
          await flood.stop();
          expect(flood.failures).toEqual([]);
          workload.earlierMayEnd();
          await daemons.kill(random.pick(ofNodes(daemons)));
          await daemons.answer();
          const last = await writes.stop();
          expect(await writes.lost()).toEqual([]);
          await workload.settled();
          expect(workload.starts()).toEqual(workload.startsOnce());
          expect(workload.completedOtherThanOnce()).toEqual([]);
          expect(workload.doubled()).toEqual([]);
          await workload.shown(last);
        } finally {
          await flood.stop();
          writes.close();
        }
      }
    });

    it(
      'of a monitor restarts its container, in its pod, and nothing else, whether the runtime lives or not',
      LONG,
      async () => {
        const isWeb = ({ pod }: RunningPod): boolean => pod.startsWith('web-');
        const before = (await runningPods(daemons.nodes)).filter(isWeb);
        const doomed = daemons.nodes.flatMap(({ name }) => before.filter(({ node }) => node === name).slice(0, 1));
        await daemons.killMonitor(doomed[0]);
        await Promise.all([daemons.kill({ node: 'worker', name: 'cri' }), daemons.killMonitor(doomed[1])]);
        await waitFor('the containers to run again', async saw => {
          const restarts = (await workload.pods())
            .map(({ metadata, status }) => `${metadata.name} ${status?.containerStatuses?.[0]?.restartCount}`)
            .filter(text => !text.endsWith(' 0'));
          saw(restarts);
          return (
            restarts.join() ===
            doomed
              .map(({ pod }) => `${pod} 1`)
              .toSorted()
              .join()
          );
        });
        const names = (pods: readonly RunningPod[]): string[] =>
          pods.map(({ pod, uid, sandbox, containers }) => `${pod} ${uid} ${sandbox} ${containers.length}`);
        const after = (await runningPods(daemons.nodes)).filter(isWeb);
        expect(names(after)).toEqual(names(before));
        const others = (pods: readonly RunningPod[]): RunningPod[] =>
          pods.filter(({ pod }) => !doomed.some(each => each.pod === pod));
        expect(others(after)).toEqual(others(before));
      },
    );

    it('leaves nothing behind', LONG, async () => {
      await workload.delete();
      for (const node of daemons.nodes) await expectNoLeftovers(node);
    });
  });
}

function shuffled<T>(values: readonly T[]): T[] {
  const rest = [...values];
  return values.map(() => rest.splice(random.below(rest.length), 1)[0] as T);
}

/** Those that work on the node's pods. */
function ofNodes(daemons: ClusterDaemons): [Daemon, ...Daemon[]] {
  const [first, ...others] = daemons.all.filter(({ name }) => ['cri', 'node', 'kubelet'].includes(name));
  if (first === undefined) throw new Error('there is no such daemon');
  return [first, ...others];
}
