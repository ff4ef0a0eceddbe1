import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { killAndRestart } from '../harness/fault.ts';
import { BUSYBOX } from '../harness/images.ts';
import { type KubeletHost, type SeenPod, startKubelet } from '../harness/kubelet.ts';
import { expectNoLeftovers } from '../harness/pod-leftovers.ts';
import { gantryHost, type RuntimeHost } from '../harness/runtime-host.ts';
import { waitFor } from '../harness/wait-for.ts';

let target: RuntimeHost;
let kubelet: KubeletHost;
beforeAll(async () => {
  target = await gantryHost();
  kubelet = await startKubelet(target);
});
afterAll(() => target.delete());

const manifest = (name: string): string => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}, labels: {app: ${name}}}
spec:
  hostUsers: false
  terminationGracePeriodSeconds: 0
  securityContext: {fsGroup: 3000}
  containers:
  - name: main
    image: ${BUSYBOX}
    command: [sleep, '100000']
    volumeMounts:
    - {name: empty, mountPath: /empty}
    - {name: memory, mountPath: /memory}
    - {name: about, mountPath: /about}
  volumes:
  - {name: empty, emptyDir: {}}
  - {name: memory, emptyDir: {medium: Memory}}
  - name: about
    downwardAPI: {items: [{path: app, fieldRef: {fieldPath: 'metadata.labels[''app'']'}}]}
`;

async function run(pod: SeenPod, script: string): Promise<string> {
  const containerId = pod.status?.containerStatuses?.[0]?.containerID?.replace(/^.*:\/\//, '') ?? '';
  const { stdout, stderr } = await target.client.execSync({ containerId, cmd: ['sh', '-c', script], timeout: 10n });
  return stdout.toString() + stderr.toString();
}

/** The first id of the pod's range, as its processes have it. */
const firstId = async (pod: SeenPod): Promise<number> =>
  Number((await run(pod, 'cat /proc/self/uid_map')).trim().split(/\s+/)[1]);

describe('pods with hostUsers: false', () => {
  it('have a range of ids each, own their volumes, keep both through kills, and give them back', async () => {
    kubelet.writeManifest('one.yaml', manifest('one'));
    kubelet.writeManifest('two.yaml', manifest('two'));
    const one = await kubelet.running('one');
    const two = await kubelet.running('two');
    const ranges = [await firstId(one), await firstId(two)];
    expect(ranges.toSorted((a, b) => a - b)).toEqual([65_536, 131_072]);
    expect(
      await run(one, 'stat -c %u:%g /empty /memory /about /about/app /etc/hosts /dev/termination-log; cat /about/app'),
    ).toBe(`${'0:3000\n'.repeat(3)}0:3000\n0:0\n0:0\none`);
    expect(
      await run(
        one,
        'touch /empty/x /memory/x && stat -c %u:%g /empty/x; echo end > /dev/termination-log && echo written',
      ),
    ).toBe('0:3000\nwritten\n');
    const file = target.host.path(`/var/lib/kubelet/pods/${one.metadata.uid}/userns`);
    const kept = readFileSync(file, 'utf8');
    const line = { hostId: ranges[0], containerId: 0, length: 65_536 };
    expect(JSON.parse(kept)).toEqual({ uidMappings: [line], gidMappings: [line] });

    await Promise.all([killAndRestart(target.service), killAndRestart(kubelet.service)]);
    await waitFor('the shim and the kubelet to answer', async () => {
      await target.client.version({ version: '' }, { timeoutMs: 2_000 });
      return kubelet.pod('one');
    });
    kubelet.writeManifest('three.yaml', manifest('three'));
    expect(await firstId(await kubelet.running('three'))).toBe(196_608);
    expect(readFileSync(file, 'utf8')).toBe(kept);
    expect(await firstId(await kubelet.running('one'))).toBe(ranges[0]);

    for (const name of ['one', 'two', 'three']) kubelet.removeManifest(`${name}.yaml`);
    for (const name of ['one', 'two', 'three']) await kubelet.gone(name);
    await expectNoLeftovers(target);
    await waitFor('the range to be given back', () => !existsSync(file));
  });
});
