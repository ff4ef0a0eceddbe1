import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { noSystemdMachine, SystemdMachine } from '../harness/systemd-machine.ts';
import { waitFor } from '../harness/wait-for.ts';

const reason = noSystemdMachine();
if (reason !== undefined) console.info(`skipped: ${reason}`);

const OVERRIDE = '/etc/systemd/logind.conf.d/99-gantry.conf';
const CONFIG = [
  { apiVersion: 'kubeadm.k8s.io/v1beta4', kind: 'InitConfiguration' },
  {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    shutdownGracePeriod: '20s',
    shutdownGracePeriodCriticalPods: '5s',
  },
]
  .map(document => JSON.stringify(document))
  .join('\n---\n');

describe.skipIf(reason !== undefined)('a node that systemd runs, and whose kubelet delays shutdowns', () => {
  let machine: SystemdMachine;
  const delaySeconds = async (): Promise<number> => {
    const words = 'org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager InhibitDelayMaxUSec';
    return Number((await machine.sh(`busctl get-property ${words}`)).split(' ')[1]) / 1e6;
  };

  beforeAll(async () => {
    machine = await SystemdMachine.boot();
    await machine.sh(`rm -rf ${OVERRIDE} && systemctl start dbus.service systemd-logind.service`);
  });
  afterAll(async () => {
    await machine?.stop();
  });

  it('leaves logind after reset as patient as it was before, and no file of it', async () => {
    const before = await delaySeconds();
    expect(before).toBeLessThan(20);
    const directories = await machine.sh('ls -d /etc/systemd/*');
    await machine.sh(`cat >/etc/init.yaml <<'EOF'\n${CONFIG}\nEOF`);
    await machine.sh('gantry init --config=/etc/init.yaml --ignore-preflight-errors=all 2>&1');
    await waitFor('logind to wait for the kubelet', async () => (await delaySeconds()) === 20);
    expect(await machine.sh(`cat ${OVERRIDE}`)).toContain('InhibitDelayMaxSec=20');
    // as init leaves them when it is killed while it writes
    const dropIns = '/etc/systemd/system/gantry-etcd.service.d';
    await machine.sh(
      `mkdir ${dropIns} && touch ${dropIns}/10-gantry-init.conf.tmp-0123abcd /etc/gantry/gantry-node.env.tmp-0123abcd`,
    );
    const said = await machine.sh('gantry reset --force 2>&1');
    expect(await machine.sh(`ls -d ${dropIns} /etc/gantry/*.tmp-* 2>/dev/null || true`)).toBe('');
    expect(said).toContain(`Removed ${OVERRIDE} (the longer shutdown of this node)`);
    await waitFor('logind to have read that', async () => (await delaySeconds()) === before);
    expect(await machine.sh('ls -d /etc/systemd/*')).toBe(directories);
  });

  it('is reset where the files of its units, and drop-ins of its admin, say that things are', async () => {
    await machine.sh(`
      mkdir -p /etc/systemd/system/gantry-cri.service.d /srv/things
      touch /srv/things/mine
      printf 'GANTRY_EXTRA_ARGS="--root-dir=/srv/things \\\n  --pod-log-dir /srv/things/logs"\n' >/etc/default/gantry-node
      printf '[Service]\nEnvironment=GANTRY_EXTRA_ARGS=--state=/run/things\n' >/etc/systemd/system/gantry-cri.service.d/mine.conf
      echo 'root: /srv/things/runtime' >/etc/gantry/cri.yaml
      systemctl daemon-reload
      gantry init --ignore-preflight-errors=all --no-control-plane-taint 2>&1`);
    const made = await machine.sh('ls -d /srv/things/* /run/things/state.lock');
    for (const path of ['/run/things/state.lock', '/srv/things/logs', '/srv/things/pods', '/srv/things/runtime'])
      expect(made.split('\n')).toContain(path);
    const dry = await machine.sh('gantry reset --dry-run 2>&1');
    expect(dry).toMatch(/^.*Would remove .*\(the runtime's state, in \/run\/things\)$/m);
    await machine.sh('gantry reset --force 2>&1');
    expect(await machine.sh('ls -d /srv/things/* /run/things 2>/dev/null; true')).toBe('/srv/things/mine');
    await machine.sh(
      'rm -r /etc/systemd/system/gantry-cri.service.d /etc/default/gantry-node /etc/gantry/cri.yaml /srv/things; systemctl daemon-reload',
    );
  });

  it('takes no file for an external etcd that its units cannot read', async () => {
    await machine.sh('touch /root/ca.crt');
    const external = { endpoints: ['https://127.0.0.1:2379'], caFile: '/root/ca.crt', certFile: '', keyFile: '' };
    const config = { apiVersion: 'kubeadm.k8s.io/v1beta4', kind: 'ClusterConfiguration', etcd: { external } };
    await machine.sh(`cat >/etc/init.yaml <<'EOF'\n${JSON.stringify(config)}\nEOF`);
    const { stderr } = await machine.run('gantry init --config=/etc/init.yaml');
    expect(stderr.toString('utf8')).toContain(
      'etcd.external.caFile: Invalid value: "/root/ca.crt": the units of the control plane do not see /root of this machine',
    );
  });
});
