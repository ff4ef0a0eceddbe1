import { connect } from 'node:tls';
import { waitFor } from '../wait-for.ts';
import { LONG } from './installed-node.ts';
import type { Vm } from './vm.ts';

/** Whoever runs scripts of bash on a machine. */
export type Machine = Pick<Vm, 'name' | 'sh'>;

/** What is renewed: pairs, kubeconfigs and the kubelet's own, without CAs. */
const FILES = `
  shopt -s nullglob
  for file in /etc/kubernetes/pki/{,etcd/}*.crt /etc/kubernetes/*.conf /var/lib/kubelet/pki/kubelet{-client-current.pem,.crt}; do
    case $file in */ca.crt | */front-proxy-ca.crt | */kubelet.conf) continue ;; esac
    sha256sum "$file" | awk '{ print $2, $1 }'
  done`;

/** A line for each file with a certificate in it that daemons renew: its path and what is in it. */
async function certificateFiles(vm: Machine): Promise<ReadonlyMap<string, string>> {
  const lines = (await vm.sh(FILES)).split('\n').filter(line => line !== '');
  return new Map(lines.map(line => [line.split(' ')[0] ?? '', line]));
}

/** Fingerprints of what is served at ports of a VM. */
export async function servedCertificates(vm: Vm, ports: readonly number[]): Promise<readonly string[]> {
  return Promise.all(
    ports.map(async guest => {
      const port = await vm.forward(guest);
      return new Promise<string>((resolve, reject) => {
        const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
          resolve(socket.getPeerX509Certificate()?.fingerprint256 ?? '');
          socket.destroy();
        });
        socket.once('error', reject);
      });
    }),
  );
}

/** Resolves with their paths when every certificate of the machine, without those at some paths, is another than now. */
export async function allRenewed(vm: Machine, without: readonly string[] = []): Promise<readonly string[]> {
  const before = new Map([...(await certificateFiles(vm))].filter(([path]) => !without.includes(path)));
  await waitFor(
    'every certificate to be renewed',
    async saw => {
      const now = await certificateFiles(vm);
      const old = [...before].filter(([path, line]) => now.get(path) === line).map(([path]) => path);
      saw(old);
      return old.length === 0;
    },
    { ...LONG, pauseMs: 1000 },
  );
  return [...before.keys()];
}
