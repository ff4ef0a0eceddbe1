import { waitFor } from '../wait-for.ts';
import { LONG } from './installed-node.ts';
import type { Vm } from './vm.ts';

/** The file systems that are exported: two, since those of one are one for the kernel, wherever they are mounted. */
export type Export = 'pod' | 'films';

/** Makes the VM an NFS server of two directories, for itself. It stays one, of version 4 and at fixed ports: the daemons of those before it are at others after each boot. */
export async function serveNfs(vm: Vm): Promise<void> {
  await vm.sh(`
    mkdir -p /srv/pod /srv/films /etc/nfs.conf.d
    printf '[nfsd]\\nvers3=n\\n[mountd]\\nport=20048\\n' >/etc/nfs.conf.d/4.conf
    systemctl mask --quiet rpcbind.service rpcbind.socket rpc-statd.service
    echo data | tee /srv/pod/file >/srv/films/file
    printf '/srv/%s 127.0.0.1(rw,no_root_squash,insecure,no_subtree_check,fsid=%s)\\n' pod 1 films 2 >/etc/exports
    systemctl start nfs-server
    mount -t nfs -o vers=4.2 127.0.0.1:/srv/pod /mnt
    umount /mnt`);
}

/** Mounts it there, as a user of NFS does: hard, so that whoever asks waits for the server for ever. */
export async function mountNfs(vm: Vm, which: Export, target: string): Promise<void> {
  await vm.sh(
    `mkdir -p ${target}; mount -t nfs -o vers=4.2,hard 127.0.0.1:/srv/${which} ${target}; cat ${target}/file`,
  );
}

/** The server is cut off without a word. Resolves when a process waits for it, which asked for a file below `target`. */
export async function hangNfs(vm: Vm, target: string): Promise<void> {
  await vm.sh(`
    nft 'table ip hang { chain in { type filter hook input priority 0; tcp dport 2049 drop; }; chain out { type filter hook output priority 0; tcp sport 2049 drop; }; }'
    setsid -f stat -t ${target}/another >/dev/null 2>&1 </dev/null`);
  await waitFor(
    'a process to wait for the server',
    async saw => {
      const { out } = await vm.run('pgrep', '-r', 'D', '-f', `^stat -t ${target}`);
      saw(out);
      return out !== '';
    },
    LONG,
  );
}

/** The server answers again. */
export async function freeNfs(vm: Vm): Promise<void> {
  await vm.sh('nft delete table ip hang');
}
