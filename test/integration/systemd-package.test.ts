import { copyFileSync, cpSync, existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { builtPackage } from '../harness/debian-package.ts';
import { PROJECT } from '../harness/gantry-command.ts';
import { BUSYBOX, imageArchive } from '../harness/images.ts';
import { machineSnapshot, snapshotDifference } from '../harness/machine-snapshot.ts';
import { NODE_ROOTS, noSystemdMachine, SLEEPER, SystemdMachine } from '../harness/systemd-machine.ts';
import { CONTROL_PLANE_UNITS } from '../harness/units.ts';
import { waitFor } from '../harness/wait-for.ts';

/** Debian's packages, which `scripts/setup` fetches. */
const DEPENDENCIES = `${PROJECT}/.cache/dependencies`;
const KUBECTL = 'kubectl --kubeconfig=/etc/kubernetes/admin.conf';
/** Of the machine itself: directories of other packages that dpkg's trigger of systemd-tmpfiles makes, and the link-local route of its uplink, which is late. */
const OWN = [/^files .* \/run\/runit(\/|$| )/, /^routes .* dev uplink /];
const reason = noSystemdMachine();
if (reason !== undefined) console.info(`skipped: ${reason}`);

describe.skipIf(reason !== undefined)('the package on a machine that systemd runs', () => {
  let machine: SystemdMachine;
  let missing: string;

  beforeAll(async () => {
    machine = await SystemdMachine.boot();
    const built = await builtPackage(machine.shared);
    ({ missing } = built);
    if (missing !== '') return;
    copyFileSync(built.deb, `${machine.shared}/gantry.deb`);
    // what the launcher of the machine has put in its place: two directories of the work tree among it, which dpkg must not meet
    await machine.sh(`
      set -e
      umount /usr/lib/gantry/dist /usr/lib/gantry/node_modules
      ! grep -q ' /usr/lib/gantry' /proc/self/mountinfo
      rm -r /usr/lib/gantry /usr/bin/gantry /etc/gantry
      rm /lib/systemd/system/gantry-*.service
      # a machine without systemd may forbid packages to start and stop services
      rm -f /usr/sbin/policy-rc.d
      systemctl daemon-reload`);
  }, 120_000);

  afterAll(async () => {
    await machine?.stop();
  });

  const states = async (): Promise<readonly string[]> =>
    (await machine.run(`systemctl is-active ${CONTROL_PLANE_UNITS.join(' ')}`)).stdout
      .toString('utf8')
      .trim()
      .split('\n');

  it('leaves the containers of a node that it is removed or purged from, brings its daemons up again, and takes all away by a reset', async () => {
    if (missing !== '') {
      console.info(`skipped: ${missing}`);
      return;
    }
    copyFileSync(await imageArchive(BUSYBOX), `${machine.shared}/image.tar`);
    await machine.sh('systemctl start network-online.target');
    const list = () => machineSnapshot({ run: script => machine.sh(script), roots: NODE_ROOTS, ignore: OWN });
    const clean = await list();
    const install = `dpkg --force-depends -i ${machine.shared}/gantry.deb`;
    // a disk of the admin's choice, of which cri.yaml alone knows
    await machine.sh('mkdir /srv/disk && mount -t tmpfs tmpfs /srv/disk && touch /srv/disk/mine');
    await machine.sh(`${install} 2>&1 && echo 'root: /srv/disk/runtime' >/etc/gantry/cri.yaml`);
    await machine.sh(`gantry init --no-control-plane-taint --ignore-preflight-errors=all 2>&1`);
    await machine.sh(`gantry image import ${machine.shared}/image.tar`);
    const pod = Buffer.from(SLEEPER).toString('base64');
    await waitFor(
      'the pod to be taken',
      async () => (await machine.run(`echo ${pod} | base64 -d | ${KUBECTL} apply -f -`)).code === 0,
    );
    await machine.sh(`${KUBECTL} wait --for=condition=Ready --timeout=60s pod/sleeper`);
    const running = 'pgrep -f "^sleep 7654321"; pgrep -x conmon';
    const before = await machine.sh(running);
    // what was stopped by hand stays so over an upgrade; what removing the package has stopped comes up with it
    await machine.sh('systemctl stop gantry-node');
    await machine.sh(`${install} 2>&1`);
    expect(await states()).toEqual(['active', 'active', 'active', 'inactive']);
    expect(await machine.sh('dpkg -r gantry 2>&1')).toContain('this machine is still the node of a cluster');
    expect(await states()).not.toContain('active');
    expect(await machine.sh(`${install} 2>&1`)).toContain(
      `its daemons were started again: ${CONTROL_PLANE_UNITS.join(' ')}\n`,
    );
    await waitFor('all daemons', async saw => {
      const seen = await states();
      saw(seen);
      return seen.every(state => state === 'active');
    });
    expect(await machine.sh(running)).toBe(before);
    const said = await machine.sh('dpkg -P gantry 2>&1');
    expect(said).toContain('this machine is still the node of a cluster');
    expect(said).toContain('/var/lib/gantry');
    expect(await machine.sh('ls /srv/disk; ls /etc/gantry')).toMatch(/^mine\nruntime\n[\s\S]*cri\.yaml\.kept-\w{8}$/m);
    expect(await machine.sh(running)).toBe(before);
    expect(await states()).not.toContain('active');
    await machine.sh(`${install} 2>&1 && gantry reset --force && ! ls /etc/gantry/cri.yaml.* && dpkg -P gantry 2>&1`);
    expect(await machine.sh('ls -A /srv/disk')).toBe('mine');
    await machine.sh('umount /srv/disk && rmdir /srv/disk');
    await waitFor('no difference', async saw => {
      const difference = snapshotDifference(clean, await list());
      saw(difference);
      return difference.length === 0;
    });
  }, 400_000);

  it('is installed by apt with all that it depends on, and keeps Debian’s etcd from starting', async () => {
    if (missing !== '') {
      console.info(`skipped: ${missing}`);
      return;
    }
    if (!existsSync(DEPENDENCIES)) {
      console.info(`skipped: there are no packages in ${DEPENDENCIES}: scripts/setup could not fetch them`);
      return;
    }
    const archives = `${machine.shared}/archives`;
    cpSync(DEPENDENCIES, archives, { recursive: true });
    const words = ['--yes', '--no-install-recommends', `--option=Dir::Cache::archives=${archives}`];
    await machine.sh('umount /var/lib/etcd; dpkg --purge --force-depends etcd-server; ! command -v etcd');
    const said = await machine.sh(`apt-get install ${words.join(' ')} ${machine.shared}/gantry.deb 2>&1`);
    expect(said).toContain('Setting up etcd-server');
    expect(said).toContain('etcd.service of Debian is kept from starting');
    expect(await machine.sh('dpkg --status gantry etcd-server | grep -c "^Status: install ok installed"')).toBe('2');
    expect(await machine.sh('apt-get check 2>&1 && gantry --version && etcd --version')).toContain('etcd Version: 3.');
    const state = () => machine.property('etcd', 'ActiveState');
    expect(await state()).toBe('inactive');
    await machine.sh('systemctl start etcd');
    expect([await state(), await machine.property('etcd', 'ConditionResult')]).toEqual(['inactive', 'no']);
    // as the sentence says
    await machine.sh('touch /etc/gantry/allow-debian-etcd && systemctl start etcd');
    expect(await state()).toBe('active');
    await machine.sh('systemctl stop etcd && apt-get purge --yes gantry etcd-server 2>&1');
  }, 240_000);
});
