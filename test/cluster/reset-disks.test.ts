import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Host } from '../../src/local-cluster/host/host.ts';
import { gantryCommand } from '../harness/gantry-command.ts';
import { run } from '../harness/host.ts';
import { hungMount } from '../harness/hung-mount.ts';
import { BUSYBOX, imageArchive } from '../harness/images.ts';
import type { MachineSnapshot } from '../harness/machine-snapshot.ts';
import { difference, INIT, kubectl, machine, RESET, SLOW, snapshot } from '../harness/reset-machine.ts';
import { waitFor } from '../harness/wait-for.ts';

/** What hangs is given up after seconds, a few times; a reset that waits for it never ends. */
const GIVEN_UP_MS = 60_000;

const POD = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p' },
  spec: {
    terminationGracePeriodSeconds: 0,
    volumes: [{ name: 'data', emptyDir: {} }],
    containers: [
      {
        name: 'c',
        image: BUSYBOX,
        command: ['sh', '-c', 'echo secret >/data/file; exec sleep 1000'],
        volumeMounts: [{ name: 'data', mountPath: '/data' }],
      },
    ],
  },
};

describe('gantry reset where directories of a node are on other disks', { timeout: 240_000 }, () => {
  let host: Host;
  let before: MachineSnapshot;
  beforeAll(async () => {
    host = await machine();
    before = await snapshot(host);
  });
  afterAll(() => host.delete());

  it("takes the rest away and names the kubelet's directory where that hangs, and takes it once it answers", async () => {
    await run(host, INIT, SLOW);
    const hung = await hungMount(host, '/var/lib/kubelet', 'swallow');
    try {
      const answer = await host.exec(RESET, { timeoutMs: GIVEN_UP_MS });
      expect(answer.code).toBe(1);
      expect(answer.stderr).toContain(
        '/var/lib/kubelet cannot be read (no answer within 3 s): what Gantry has made in it stays, until its disk is well',
      );
      expect(await run(host, ['sh', '-c', 'ls /etc/kubernetes /run/gantry 2>&1; ip link'])).not.toMatch(
        /admin\.conf|cri|gantry0/,
      );
    } finally {
      hung.end();
    }
    await waitFor('the mount to go', async () => (await host.exec(['umount', '/var/lib/kubelet'])).code === 0);
    await run(host, RESET, SLOW);
    expect(await difference(host, before)).toEqual([]);
  });

  it('empties a disk of its own for pods of what pods had there, and leaves it mounted with what was on it', async () => {
    const pods = '/var/lib/kubelet/pods';
    await run(host, [
      'sh',
      '-c',
      `mkdir ${pods}; mount -t tmpfs disk ${pods}; mkdir ${pods}/lost+found; touch ${pods}/lost+found/file`,
    ]);
    await run(host, INIT, SLOW);
    await run(host, gantryCommand('image', 'import', await imageArchive(BUSYBOX)));
    await waitFor('the account of the namespace', () => kubectl(host, 'get serviceaccount default'));
    await kubectl(host, 'apply -f -', POD);
    await kubectl(host, 'wait --for=condition=Ready pod/p --timeout=60s');
    expect((await run(host, ['ls', pods])).trim().split('\n')).toHaveLength(2);
    await run(host, RESET, SLOW);
    expect(await run(host, ['ls', pods])).toBe('lost+found\n');
    await run(host, ['sh', '-c', `umount ${pods}; rmdir ${pods}`]);
    expect(await difference(host, before)).toEqual([]);
  });

  it('takes nothing of others from the top of a disk to which a link leads, which preflight refuses', async () => {
    await run(host, [
      'sh',
      '-c',
      'umount /var/lib/kubelet; rmdir /var/lib/kubelet; mount -t tmpfs disk /srv; mkdir -p /srv/www /srv/lost+found; ln -s /srv /var/lib/kubelet',
    ]);
    const refused = await host.exec(INIT);
    expect(refused).toMatchObject({ code: 2 });
    expect(refused.stderr).toContain('/var/lib/kubelet is a link to /srv, where others have their things, too');
    await run(host, [...INIT.slice(0, -2), '--ignore-preflight-errors=all', '--no-control-plane-taint'], SLOW);
    await run(host, ['sh', '-c', 'mkdir /srv/git /srv/pods/peas; echo precious >/srv/git/file']);
    const said = await run(host, RESET, SLOW);
    expect(said).toContain('Left as it is: /srv (a link leads to it, and it holds what Gantry has not made: ');
    expect(await run(host, ['sh', '-c', 'cd /srv; find . -mindepth 1 | sort'])).toBe(
      './git\n./git/file\n./lost+found\n./pods\n./pods/peas\n./www\n',
    );
    expect(await run(host, ['readlink', '/var/lib/kubelet'])).toBe('/srv\n');
    expect(await host.exec(gantryCommand('reset', '--force'))).toMatchObject({ code: 0 });
  });
});
