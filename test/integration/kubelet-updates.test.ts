import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { killAndRestart } from '../harness/fault.ts';
import { type KubeletHost, startKubelet, WAIT } from '../harness/kubelet.ts';
import { expectNoLeftovers } from '../harness/pod-leftovers.ts';
import { type RuntimeHost, runtimeHost, testedRuntime } from '../harness/runtime-host.ts';
import { waitFor } from '../harness/wait-for.ts';

let target: RuntimeHost;
let kubelet: KubeletHost;
beforeAll(async () => {
  target = await runtimeHost(testedRuntime());
  kubelet = await startKubelet(target);
});
afterAll(() => target.delete());

/** A pod whose uid stands in the manifest, so that it stays when the content changes. */
const own = (containers: readonly string[], spec: object = {}, container: object = {}): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'own', uid: 'own-uid' },
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: containers.map(name => ({
        name,
        image: 'localhost/busybox:1.35',
        command: ['/bin/sh', '-c', WAIT],
        ...container,
      })),
      ...spec,
    },
  });

/** Waits until exactly these containers run, all in one ready sandbox made after `before`. */
async function runsOnly(containers: readonly string[], before?: string): Promise<string> {
  return waitFor(`only ${containers} to run`, async saw => {
    const { items } = await target.client.listPodSandbox({ filter: undefined });
    const all = (await target.client.listContainers({ filter: undefined })).containers;
    const seen = all.map(c => `${c.metadata?.name} ${c.state}`).sort();
    saw({ seen, sandboxes: items.map(s => s.id) });
    const [sandbox] = items;
    return (
      items.length === 1 &&
      sandbox !== undefined &&
      sandbox.id !== before &&
      seen.join() === containers.map(c => `${c} 1`).join() &&
      sandbox.id
    );
  });
}

const end = async (): Promise<void> => {
  kubelet.removeManifest('own.yaml');
  await kubelet.gone('own');
  await expectNoLeftovers(target);
};

describe('a manifest that changes and keeps its own uid', () => {
  it('ends the containers that are not in it any more and runs the new ones', async () => {
    kubelet.writeManifest('own.yaml', own(['a', 'b']));
    const first = await runsOnly(['a', 'b']);
    kubelet.writeManifest('own.yaml', own(['b', 'c']));
    await runsOnly(['b', 'c'], first);
    expect((await kubelet.running('own')).metadata.uid).toBe('own-uid');
    await end();
  });

  it('makes the sandbox anew for another network', async () => {
    kubelet.writeManifest('own.yaml', own(['a']));
    const first = await runsOnly(['a']);
    const { podIP } = (await kubelet.running('own')).status;
    kubelet.writeManifest('own.yaml', own(['a'], { hostNetwork: true }));
    const podSandboxId = await runsOnly(['a'], first);
    const { status } = await target.client.podSandboxStatus({ podSandboxId, verbose: false });
    expect(podIP).toMatch(/^10\.244\./);
    expect(status?.network?.ip ?? '').toBe('');
    await end();
  });

  it('makes a volume that was added', async () => {
    kubelet.writeManifest('own.yaml', own(['a']));
    const first = await runsOnly(['a']);
    const mounted = { volumeMounts: [{ name: 'added', mountPath: '/added' }] };
    kubelet.writeManifest('own.yaml', own(['a'], { volumes: [{ name: 'added', emptyDir: {} }] }, mounted));
    await runsOnly(['a'], first);
    expect(existsSync(target.host.path('/var/lib/kubelet/pods/own-uid/volumes/kubernetes.io~empty-dir/added'))).toBe(
      true,
    );
    await end();
  });

  it('is also seen when it changed while the kubelet was away', async () => {
    kubelet.writeManifest('own.yaml', own(['a', 'b']));
    const first = await runsOnly(['a', 'b']);
    const program = target.host.path('/etc/kubernetes/manifests');
    renameSync(program, `${program}.away`);
    writeFileSync(`${program}.away/own.yaml`, own(['b']));
    kubelet.service.signal('KILL');
    renameSync(`${program}.away`, program);
    await runsOnly(['b'], first);
    await end();
  });

  it('changes nothing when the same content is written again, or the kubelet is restarted', async () => {
    kubelet.writeManifest('own.yaml', own(['a']));
    const first = await runsOnly(['a']);
    kubelet.writeManifest('own.yaml', own(['a']));
    await killAndRestart(kubelet.service);
    const seen = await kubelet.running('own');
    expect(await runsOnly(['a'])).toBe(first);
    expect(seen.status.containerStatuses?.[0]?.restartCount).toBe(0);
    await end();
  });
});
