import { copyFileSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { environmentFile } from '../../src/bootstrap/daemons/environment-file.ts';
import { BUSYBOX, imageArchive } from '../harness/images.ts';
import { noSystemdMachine, SLEEPER, SystemdMachine } from '../harness/systemd-machine.ts';
import { CONTROL_PLANE_UNITS } from '../harness/units.ts';
import { waitFor } from '../harness/wait-for.ts';

const reason = noSystemdMachine();
if (reason !== undefined) console.info(`skipped: ${reason}`);

const KUBECTL = 'kubectl --kubeconfig=/etc/kubernetes/admin.conf';

// each step stands on the machine that the one before left
describe.skipIf(reason !== undefined)('the units, run by systemd', () => {
  let machine: SystemdMachine;

  beforeAll(async () => {
    machine = await SystemdMachine.boot();
  });

  afterAll(async () => {
    await machine?.stop();
  });

  const serving = (unit: string) =>
    waitFor(`${unit} to serve`, async saw => {
      const state = await machine.sh(`systemctl show --property=ActiveState,StatusText ${unit}`);
      saw(state);
      return state.includes('ActiveState=active');
    });

  const sleeper = (): Promise<string> => machine.sh('pgrep -f "^sleep 7654321"; pgrep -x conmon');

  it('are such that systemd finds nothing to say about them', async () => {
    const files = CONTROL_PLANE_UNITS.map(unit => `${unit}.service`).join(' ');
    const { code, stdout, stderr } = await machine.run(`systemd-analyze verify --man=no ${files}`);
    expect({ code, said: `${stdout}${stderr}` }).toEqual({ code: 0, said: '' });
  });

  it('get the very words that init and join decided', async () => {
    const words = ['--a=b', '', 'a b', 'q"q', "s's", 'b\\b', '$HOME `id`', '%n %%', 'a\nb', '\t', 'é', '#', ';'];
    const text = Buffer.from(environmentFile(words)).toString('base64');
    await machine.sh(`
      echo ${text} | base64 -d >/etc/gantry/words.env
      cat >/run/systemd/system/words.service <<'UNIT'
[Service]
Type=oneshot
EnvironmentFile=/etc/gantry/words.env
ExecStart=/usr/bin/printf "%%s\\\\0" $GANTRY_ARGS $GANTRY_EXTRA_ARGS
StandardOutput=file:${machine.shared}/words
UNIT
      systemctl start words`);
    expect(readFileSync(`${machine.shared}/words`, 'utf8').split('\0').slice(0, -1)).toEqual(words);
  });

  it('serve after init, each ready by its own word', async () => {
    await machine.sh('gantry init --no-control-plane-taint --ignore-preflight-errors=all 2>&1');
    for (const unit of CONTROL_PLANE_UNITS) await serving(unit);
    const own = CONTROL_PLANE_UNITS.filter(unit => unit !== 'gantry-etcd');
    expect(await Promise.all(own.map(unit => machine.property(unit, 'StatusText')))).toEqual(own.map(() => 'serving'));
    expect(await machine.sh(`systemctl is-enabled ${CONTROL_PLANE_UNITS.join(' ')}`)).toBe(
      CONTROL_PLANE_UNITS.map(() => 'enabled').join('\n'),
    );
  });

  it('let the control plane write where certificates are, and no static pod', async () => {
    const pid = await machine.property('gantry-control-plane', 'MainPID');
    const written = (path: string) =>
      machine.run(`nsenter --mount --root --wdns=/ --target=${pid} sh -c 'echo >${path} && rm ${path}' 2>&1`);
    expect((await written('/etc/kubernetes/pki/mine')).stdout.toString('utf8')).toBe('');
    expect((await written('/etc/kubernetes/manifests/mine')).stdout.toString('utf8')).toContain(
      'Read-only file system',
    );
    // to be replaced by a directory of its own: it is a mount there
    const moved = await machine.run(
      `nsenter --mount --root --wdns=/ --target=${pid} mv /etc/kubernetes/manifests /etc/kubernetes/old 2>&1`,
    );
    expect(moved.stdout.toString('utf8')).toContain('busy');
    await machine.sh('touch /etc/kubernetes/manifests/mine && rm /etc/kubernetes/manifests/mine');
  });

  it('let it renew a kubeconfig that was given to a group, which keeps it', async () => {
    await machine.sh(`
      chgrp 4242 /etc/kubernetes/admin.conf
      chmod 640 /etc/kubernetes/admin.conf
      gantry certs renew admin.conf --certificate-validity-period=30s`);
    const look = (): Promise<string> =>
      machine.sh('stat --format="%U %g %a" /etc/kubernetes/admin.conf; gantry certs check-expiration -o json');
    const endOf = (text: string): number => {
      const { certificates } = JSON.parse(text.slice(text.indexOf('{')));
      const { expirationDate } = certificates.find(({ name }: { name: string }) => name === 'admin.conf');
      return Date.parse(expirationDate);
    };
    const seen = await waitFor('its renewal two thirds through', async saw => {
      const text = await look();
      saw(text);
      return endOf(text) > Date.now() + 86_400_000 && text;
    });
    expect(seen.split('\n')[0]).toBe('root 4242 640');
  });

  it('write entries of the journal with fields of their own', async () => {
    const line = await machine.sh('journalctl -q -u gantry-node -o json -n 1 COMPONENT=kubelet');
    expect(JSON.parse(line)).toMatchObject({
      PRIORITY: '6',
      SYSLOG_IDENTIFIER: 'gantry-node',
      COMPONENT: 'kubelet',
      _TRANSPORT: 'journal',
    });
  });

  it('are read by gantry logs', async () => {
    expect(await machine.sh('gantry logs control-plane node -n 50')).toMatch(/ gantry-(control-plane|node)\[\d+\]: /);
    expect((await machine.run('gantry logs kubelet')).stderr.toString('utf8')).toContain(
      'there is no component "kubelet"',
    );
  });

  it('are shown by gantry status, and what to do about one that was stopped', async () => {
    const well = await machine.sh('gantry status');
    expect(well).toMatch(/^\S+ \(control plane\): all well\n/);
    for (const unit of CONTROL_PLANE_UNITS.filter(name => name !== 'gantry-etcd'))
      expect(well).toMatch(new RegExp(`^${unit} +running +\\S+ +\\d+ +\\d+ MiB +0 +serving$`, 'm'));
    await machine.sh('systemctl stop gantry-cri');
    const { code, stdout } = await machine.run('gantry status');
    expect(code).toBe(1);
    expect(stdout.toString('utf8')).toMatch(
      /\n {2}gantry-cri: it does not run.*\n {4}-> systemctl start gantry-cri; gantry logs cri\n/,
    );
    await machine.sh('systemctl start gantry-cri');
    await serving('gantry-cri');
  });

  it('are in a support bundle with what the journal has of them, and without secrets', async () => {
    await machine.sh(`
      mkdir -p /etc/systemd/system/gantry-node.service.d
      printf '[Service]\\nEnvironment=HTTPS_PROXY=http://me:planted-4711@proxy.example:3128\\n' >/etc/systemd/system/gantry-node.service.d/proxy.conf
      systemctl daemon-reload
      cd ${machine.shared}
      gantry support-bundle --output=b.tar.gz
      mkdir bundle
      tar -xzf b.tar.gz -C bundle --strip-components=1
      rm -r b.tar.gz /etc/systemd/system/gantry-node.service.d
      systemctl daemon-reload`);
    const read = (path: string): string => readFileSync(`${machine.shared}/bundle/${path}`, 'utf8');
    expect(read('logs/gantry-node.log')).toMatch(/^\d{4}-\d\d-\d\dT\S+ \S+ gantry-node\[\d+\]: /m);
    expect(read('logs/gantry-etcd.log')).toContain('etcd');
    expect(read('daemons/units.txt')).toMatch(/^Environment=HTTPS_PROXY=http:\/\/\[redacted\]@proxy\.example:3128$/m);
    expect(read('daemons/unit-files.txt')).toContain('ExecStart=/usr/bin/gantry run node');
    expect(JSON.parse(read('status.json'))).toMatchObject({ keeper: 'systemd', healthy: true });
    expect(await machine.sh(`grep -rlE 'planted-4711|PRIVATE KEY' ${machine.shared}/bundle || true`)).toBe('');
  });

  it('are restarted and killed, and what runs in a pod does not notice', async () => {
    const archive = await imageArchive(BUSYBOX);
    copyFileSync(archive, `${machine.shared}/image.tar`);
    await machine.sh(`gantry image import ${machine.shared}/image.tar`);
    const pod = Buffer.from(SLEEPER).toString('base64');
    await waitFor(
      'the pod to be taken',
      async () => (await machine.run(`echo ${pod} | base64 -d | ${KUBECTL} apply -f -`)).code === 0,
    );
    await machine.sh(`${KUBECTL} wait --for=condition=Ready --timeout=60s pod/sleeper`);
    const before = await sleeper();
    await machine.sh(`systemctl restart ${CONTROL_PLANE_UNITS.join(' ')}`);
    for (const unit of CONTROL_PLANE_UNITS) {
      const pid = await machine.property(unit, 'MainPID');
      await machine.sh(`kill -9 ${pid}`);
      await waitFor(
        `${unit} to be started again`,
        async () => !['0', pid].includes(await machine.property(unit, 'MainPID')),
      );
    }
    for (const unit of CONTROL_PLANE_UNITS) await serving(unit);
    expect(await sleeper()).toBe(before);
    expect(await machine.sh('journalctl -q -o cat _PID=1 | grep -ci left-over || true')).toBe('0');
  });

  it('are killed by their watchdog when they stand still', async () => {
    await machine.sh(`
      mkdir -p /run/systemd/system/gantry-cri.service.d
      printf '[Service]\\nWatchdogSec=2s\\n' >/run/systemd/system/gantry-cri.service.d/watchdog.conf
      systemctl daemon-reload
      systemctl restart gantry-cri`);
    const pid = await machine.property('gantry-cri', 'MainPID');
    await machine.sh(`kill -STOP ${pid}`);
    await waitFor('another runtime', async () => !['0', pid].includes(await machine.property('gantry-cri', 'MainPID')));
    await serving('gantry-cri');
    expect(await machine.sh('journalctl -q -o cat -u gantry-cri _PID=1 | grep -c "Watchdog timeout"')).toBe('1');
  });

  it('let pods end in order before the machine goes down, and end in order themselves', async () => {
    await machine.sh(`
      printf 'shutdownGracePeriod: 20s\\nshutdownGracePeriodCriticalPods: 5s\\n' >>/var/lib/kubelet/config.yaml
      systemctl start dbus.service systemd-logind.service
      systemctl restart gantry-node`);
    await waitFor('the lock of the kubelet', async () =>
      (await machine.sh('systemd-inhibit --list')).includes('kubelet'),
    );
    const log = `${machine.shared}/log`;
    await machine.sh(`
      setsid journalctl -q -f -n 0 -o cat -u 'gantry-*' </dev/null >${log} 2>&1 &
      setsid ${KUBECTL} get pod sleeper -w -o jsonpath='{.status.phase} {.status.reason}{"\\n"}' </dev/null >${log}.pod 2>&1 &
      setsid ${KUBECTL} get nodes -w -o jsonpath='{.items[0].status.conditions[-1].message}{.status.conditions[-1].message}{"\\n"}' </dev/null >${log}.node 2>&1 &
      sleep 0.5
      systemctl reboot`);
    await machine.down();
    const said = readFileSync(log, 'utf8');
    const order = [
      'the machine is shutting down',
      'ending pods',
      'stop-sandbox',
      'the machine may go down',
      'stopping signal=SIGTERM',
    ];
    const places = order.map(text => said.indexOf(text));
    expect(places, said).toEqual(places.toSorted((a, b) => a - b));
    expect(places, said).not.toContain(-1);
    expect(readFileSync(`${log}.pod`, 'utf8')).toMatch(/Failed Terminated\n/);
    expect(readFileSync(`${log}.node`, 'utf8')).toContain('node is shutting down');
  });
});
