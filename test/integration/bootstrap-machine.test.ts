import { copyFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PROJECT } from '../harness/gantry-command.ts';
import { noSystemdMachine, SystemdMachine } from '../harness/systemd-machine.ts';
import { TestAuthority } from '../harness/test-authority.ts';
import { waitFor } from '../harness/wait-for.ts';

const reason = noSystemdMachine();
if (reason !== undefined) console.info(`skipped: ${reason}`);

const TOKEN = 'abcdef.0123456789abcdef';

// what a host of a local cluster is not asked: its machine is somebody else's
describe.skipIf(reason !== undefined)('what init and join see of a machine', () => {
  let machine: SystemdMachine;

  beforeAll(async () => {
    machine = await SystemdMachine.boot();
  });

  afterAll(async () => {
    await machine?.stop();
  });

  /** All that a command says, and how long it took, ms. */
  const said = async (command: string): Promise<{ text: string; tookMs: number }> => {
    const from = Date.now();
    const { stdout, stderr } = await machine.run(command);
    return { text: `${stdout}${stderr}`, tookMs: Date.now() - from };
  };
  const join = (flags = ''): ReturnType<typeof said> =>
    said(`gantry join 192.0.2.2:1 --token ${TOKEN} --discovery-token-unsafe-skip-ca-verification ${flags}`);

  it.each([
    'init --proxy-mode=teleport',
    'join 192.0.2.2',
    'reset --force --config=/etc/passwd',
    'reset --skip-phases=nap',
  ])('that gantry %s is a wrong configuration: exit code 3, as for all of them', async command => {
    const { code, stdout } = await machine.run(`gantry ${command}`);
    expect([code, stdout.toString('utf8')]).toEqual([3, '']);
  });

  it('all that is wrong with a file, a line each', async () => {
    const file = [
      'apiVersion: kubeadm.k8s.io/v1beta4',
      'kind: JoinConfiguration',
      'discovry: {}',
      'nodeRegistraton: {}',
    ];
    await machine.sh(`printf '%s\\n' ${file.map(line => `'${line}'`).join(' ')} >/tmp/join.yaml`);
    const { code, stderr } = await machine.run('gantry join --config /tmp/join.yaml');
    const lines = stderr.toString('utf8').trimEnd().split('\n');
    expect([code, lines.filter(line => /discovry|nodeRegistraton/.test(line)).length]).toEqual([3, 2]);
  });

  it('that its name servers do not answer, and end in time all the same', async () => {
    await machine.sh(`
      cp /etc/resolv.conf /run/resolv.conf.before
      systemd-run -q --unit=deaf socat -u UDP-RECV:53,bind=127.0.0.9 OPEN:/dev/null
      rm /etc/resolv.conf
      echo nameserver 127.0.0.9 >/etc/resolv.conf`);
    await waitFor('the deaf name server to listen', async () =>
      (await machine.sh('ss -lnuH')).includes('127.0.0.9:53'),
    );
    const { text, tookMs } = await join('--node-name=unheard-of');
    expect(text).toContain(
      '[WARNING Hostname]: hostname "unheard-of" could not be reached: the name servers do not answer',
    );
    expect(text).toContain('192.0.2.2:1');
    expect(tookMs).toBeLessThan(8000);
    await machine.sh('systemctl stop deaf; cat /run/resolv.conf.before >/etc/resolv.conf');
  });

  it('names with a dot within the domains that are searched, too, as ping does, and where the name as it is fails', async () => {
    copyFileSync(`${PROJECT}/test/harness/name-server.mjs`, `${machine.shared}/name-server.mjs`);
    const names = 'cp.lab.example=127.0.0.1 bad.lab=servfail bad.lab.example=127.0.0.1';
    await machine.sh(`
      cp /etc/resolv.conf /run/resolv.conf.before
      systemd-run -q --unit=names ${process.execPath} ${machine.shared}/name-server.mjs ${names}
      rm /etc/resolv.conf
      printf 'nameserver 127.0.0.9\\nsearch other example\\n' >/etc/resolv.conf`);
    await waitFor('the name server to listen', async () => (await machine.sh('ss -lnuH')).includes('127.0.0.9:53'));
    const flags = `--token ${TOKEN} --discovery-token-unsafe-skip-ca-verification --node-name=localhost`;
    const toldOf = async (name: string) => (await said(`gantry join ${name}:1 ${flags}`)).text;
    expect(await toldOf('cp.lab')).toContain('nothing listens at cp.lab:1 (connection refused)');
    expect(await toldOf('bad.lab')).toContain('nothing listens at bad.lab:1 (connection refused)');
    expect(await toldOf('no.lab')).toContain('the name no.lab does not resolve');
    await machine.sh('systemctl stop names; cat /run/resolv.conf.before >/etc/resolv.conf');
  });

  it('who has the port of DNS on all addresses, and not who has it on loopback', async () => {
    await machine.sh(`
      systemd-run -q --unit=stub socat -u UDP-RECV:53,bind=127.0.0.53,reuseaddr OPEN:/dev/null
      systemd-run -q --unit=named socat -u UDP-RECV:53,reuseaddr OPEN:/dev/null`);
    await waitFor('both to listen', async () => (await machine.sh('ss -lnuH | grep -c ":53 "')) === '2');
    // join tells of it when it knows that the cluster has a DNS server of ours: test/cluster/without-addons.test.ts
    const { code, stderr } = await machine.run('gantry init phase preflight');
    const text = stderr.toString('utf8');
    expect(code).toBe(2);
    expect(text).toMatch(
      /\[ERROR Port-53\]: Port 53 is in use, by named\.service \(process \d+, socat\): the DNS server of this node answers at 192\.0\.2\.2/,
    );
    expect(text).toContain('systemctl disable --now named.service');
    await machine.sh('systemctl stop named');
    expect((await said('gantry init phase preflight')).text).not.toContain('Port-53');
    await machine.sh('systemctl stop stub');
  });

  it('that it has swap, where the cluster that it is to join has kubelets which do not start with it, and an address that it has not got', async () => {
    const authority = new TestAuthority();
    const { cert, key } = authority.issue('kube-apiserver', [], 'serverAuth');
    const inside = (name: string): string => `${machine.shared}/${name}`;
    writeFileSync(inside('pair.pem'), `${cert}${key}`);
    copyFileSync(`${PROJECT}/test/harness/strange-servers.mjs`, inside('servers.mjs'));
    for (const port of [7001, 7002])
      writeFileSync(
        inside(`${port}.conf`),
        JSON.stringify({
          apiVersion: 'v1',
          kind: 'Config',
          clusters: [
            {
              name: 'c',
              cluster: {
                server: `https://127.0.0.1:${port}`,
                'certificate-authority-data': Buffer.from(authority.pem).toString('base64'),
              },
            },
          ],
          contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
          users: [{ name: 'u', user: { token: TOKEN } }],
          'current-context': 'x',
        }),
      );
    await machine.sh(`
      printf 'Filename\\tType\\tSize\\tUsed\\tPriority\\n/dev/vdb partition 1 0 -2\\n' >/run/swaps
      mount --bind /run/swaps /proc/swaps
      systemd-run -q --unit=apis ${process.execPath} ${inside('servers.mjs')} ${inside('pair.pem')} 7001=swap-refused 7002=swap-allowed`);
    await waitFor(
      'both to listen',
      async () => (await machine.sh('ss -lntH | grep -c "127.0.0.1:700[12]" || true')) === '2',
    );
    const preflight = (port: number, flags = '') =>
      said(`gantry join phase preflight --discovery-file=${inside(`${port}.conf`)} ${flags}`);
    const { text } = await preflight(7001);
    expect(text).toContain(
      '[ERROR Swap]: swap is on (/dev/vdb), and the kubelet does not start with it\n' +
        '\t\tto mend it: swapoff -a, and take its line out of /etc/fstab; or set failSwapOn: false for the nodes that join from then on: kubectl -n kube-system edit configmap kubelet-config',
    );
    expect((await preflight(7001, '--ignore-preflight-errors=Swap')).text).toContain('[WARNING Swap]');
    expect((await preflight(7002)).text).not.toContain('Swap]: swap is on');
    expect((await preflight(7002)).text).not.toContain('ERROR');
    const absent = await preflight(7002, '--node-ip=192.0.2.77');
    expect(absent.text).toContain('[ERROR NodeIP]: this machine has no address 192.0.2.77');
    expect((await preflight(7002, '--node-ip=192.0.2.77 --ignore-preflight-errors=NodeIP')).text).toContain(
      '[WARNING NodeIP]',
    );
    await machine.sh('systemctl stop apis; umount /proc/swaps');
  });

  it('that its directory of the kubelet is a link to another disk, of which reset takes what a kubelet makes', async () => {
    const uid = '01234567-89ab-cdef-0123-456789abcdef';
    await machine.sh(`
      umount /var/lib/kubelet && rmdir /var/lib/kubelet
      mkdir -p /srv/disk/kubelet/pods/${uid}/volumes/v /srv/disk/other /srv/disk/kubelet/postgres/db /etc/gantry
      ln -s /srv/disk/kubelet /var/lib/kubelet
      touch /srv/disk/kubelet/config.yaml /srv/disk/other/kept
      ln -s /srv/disk/other /srv/disk/kubelet/leads-out
      mount -t tmpfs tmpfs /srv/disk/kubelet/pods/${uid}/volumes/v
      echo '{"command":"join","standing":["/var/lib/kubelet","/etc/gantry"]}' >/etc/gantry/bootstrap.json`);
    expect(await machine.sh('gantry reset --force 2>&1')).toContain(`/srv/disk/kubelet/pods/${uid}/volumes/v`);
    expect(
      await machine.sh('readlink /var/lib/kubelet; find /srv/disk | sort; grep -c /srv/disk /proc/mounts || true'),
    ).toBe(
      [
        ...['/srv/disk/kubelet', '/srv/disk', '/srv/disk/kubelet', '/srv/disk/kubelet/leads-out'],
        ...[
          '/srv/disk/kubelet/postgres',
          '/srv/disk/kubelet/postgres/db',
          '/srv/disk/other',
          '/srv/disk/other/kept',
          '0',
        ],
      ].join('\n'),
    );
  });
});
