import { copyFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PROJECT } from '../harness/gantry-command.ts';
import { BUSYBOX, imageArchive } from '../harness/images.ts';
import { noSystemdMachine, SystemdMachine } from '../harness/systemd-machine.ts';
import { waitFor } from '../harness/wait-for.ts';

/** Renewed at two thirds: a machine may be slow for a third of it. */
const LIFE_S = 45;
const INIT = `gantry init --cert-dir=/srv/pki --apiserver-bind-port=443 --no-control-plane-taint --ignore-preflight-errors=all --certificate-validity-period=${LIFE_S}s`;
const DROP_IN = '/etc/systemd/system/gantry-control-plane.service.d';
const KUBECTL = 'kubectl --kubeconfig=/etc/kubernetes/admin.conf';
const reason = noSystemdMachine();
if (reason !== undefined) console.info(`skipped: ${reason}`);

// each step stands on the machine that the one before left
describe.skipIf(reason !== undefined)('init with choices of an administrator, on systemd', () => {
  let machine: SystemdMachine;
  beforeAll(async () => {
    machine = await SystemdMachine.boot();
  });
  afterAll(async () => {
    await machine?.stop();
  });

  const pidOf = (unit: string): Promise<string> => machine.property(unit, 'MainPID');
  const there = (paths: readonly string[]): Promise<string> =>
    machine.sh(`for path in ${paths.join(' ')}; do [ ! -e $path ] || echo $path; done`);

  it('serves on a port below 1024', async () => {
    await machine.sh(`${INIT} 2>&1`);
    expect(await machine.sh(`${KUBECTL} get --raw /readyz`)).toBe('ok');
    expect(await machine.sh(`${KUBECTL} config view -o 'jsonpath={.clusters[0].cluster.server}'`)).toMatch(/:443$/);
  });

  it('renews certificates in a directory of their own, and may write where the one of its kubelet is', async () => {
    const ends = (): Promise<string> => machine.sh('openssl x509 -noout -enddate </srv/pki/apiserver.crt');
    const before = await ends();
    const pid = await pidOf('gantry-control-plane');
    await waitFor('another certificate', async () => (await ends()) !== before, { timeoutMs: 2 * LIFE_S * 1000 });
    const seen = `/proc/${pid}/root`;
    await machine.sh(`touch ${seen}/srv/pki/etcd/probe ${seen}/var/lib/kubelet/pki/probe`);
    expect(await pidOf('gantry-control-plane')).toBe(pid);
    expect((await machine.run(`touch ${seen}/srv/probe`)).stderr.toString()).toContain('Read-only file system');
    await machine.sh('rm /srv/pki/etcd/probe /var/lib/kubelet/pki/probe');
    expect(await machine.sh('gantry certs check-expiration')).not.toContain('MISSING');
  });

  it('run again leaves the daemons alone, and with other settings of the node starts that one anew', async () => {
    const pids = () => Promise.all(['gantry-control-plane', 'gantry-cri', 'gantry-node'].map(pidOf));
    const before = await pids();
    await machine.sh(`${INIT} 2>&1`);
    expect(await pids()).toEqual(before);
    await machine.sh(`${INIT} --proxy-mode=iptables 2>&1`);
    const after = await pids();
    expect(after.slice(0, 2)).toEqual(before.slice(0, 2));
    expect(after[2]).not.toBe(before[2]);
    await waitFor('the chains of the other mode', async () =>
      (await machine.sh('iptables-save')).includes(':KUBE-FIREWALL'),
    );
  });

  it('purged without a reset can be ended by one all the same, while a container runs', async () => {
    copyFileSync(await imageArchive(BUSYBOX), `${machine.shared}/image.tar`);
    for (const name of ['prerm', 'postrm']) copyFileSync(`${PROJECT}/packaging/${name}`, `${machine.shared}/${name}`);
    await machine.sh(`
      gantry image import ${machine.shared}/image.tar
      ${KUBECTL} run sleeper --image=${BUSYBOX} --restart=Never --command -- sleep 7654322
      ${KUBECTL} wait --for=condition=Ready --timeout=60s pod/sleeper`);
    await machine.sh('for unit in node cri control-plane etcd; do systemctl stop gantry-$unit; done');
    expect(await machine.sh(`sh ${machine.shared}/postrm purge 2>&1`)).toContain('this machine is still a node');
    expect(await machine.sh('pgrep -f "^sleep 7654322"')).not.toBe('');
    const said = await machine.sh('gantry reset --force 2>&1');
    expect(said).not.toContain('nothing to take away');
    expect((await machine.run('pgrep -f "^sleep 7654322"')).code).toBe(1);
    await machine.sh(`sh ${machine.shared}/postrm purge 2>&1`);
    expect(
      await there([
        '/run/gantry',
        '/etc/gantry',
        '/srv/pki',
        '/var/lib/etcd/member',
        '/etc/kubernetes/admin.conf',
        DROP_IN,
      ]),
    ).toBe('');
    expect(await machine.sh('ls -A /var/lib/gantry')).toBe('');
    expect(await machine.sh('cat /proc/sys/net/ipv4/conf/all/route_localnet')).toBe('0');
  });
});
