#!/bin/sh
# systemd as PID 1 of namespaces of its own, over a layer above this machine's files: what a test does in there is gone with it.
# systemd-machine.sh GROUP LAYER PROJECT NODE SHARED: GROUP is a group in every cgroup hierarchy that is its root, LAYER an empty directory, PROJECT what is installed as
# /usr/lib/gantry, NODE the Node that runs it, SHARED a directory that is the same inside.
set -e
for procs in /sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/*/cgroup.procs; do
  [ -e "$procs" ] || continue
  mkdir -p "${procs%/*}$1"
  # an empty set of CPUs admits nobody
  for set in cpuset.cpus cpuset.mems; do
    [ ! -e "${procs%/*}$1/$set" ] || cat "${procs%/*}/$set" >"${procs%/*}$1/$set" 2>/dev/null || true
  done
  echo $$ >"${procs%/*}$1/cgroup.procs"
done
exec unshare --mount --net --pid --uts --ipc --cgroup --fork --kill-child --propagation private -- sh -c '
set -e
layer=$1 project=$2 node=$3 shared=$4
hostname machine
ip link set lo up
# a default route tells init which address is this machine
ip link add name uplink type bridge
# without an address of its own making, which may come at any time: tests compare what a machine has
ip link set uplink addrgenmode none
ip address add 192.0.2.2/24 dev uplink
ip link set uplink up
ip route add default via 192.0.2.1
mount -t tmpfs tmpfs "$layer"
mkdir "$layer/upper" "$layer/work" "$layer/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$layer/upper,workdir=$layer/work" "$layer/root"
root=$layer/root
hierarchies=$(sed -n "s#^[^ ]* [^ ]* [^ ]* [^ ]* /sys/fs/cgroup/\([^ ]*\) .* - cgroup [^ ]* \(.*\)#\1 \2#p" /proc/self/mountinfo | sort -u -k1,1)
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mount -t tmpfs tmpfs "$root/dev" -o mode=755
for device in null zero full random urandom tty; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts devpts "$root/dev/pts" -o newinstance,ptmxmode=0666
mount -t tmpfs tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
if [ -z "$hierarchies" ]; then
  mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
else
  mount -t tmpfs tmpfs "$root/sys/fs/cgroup"
  echo "$hierarchies" | while read -r name options; do
    mkdir "$root/sys/fs/cgroup/$name"
    case $options in *name=systemd*) options=none,name=systemd ;; *) options=${options#rw,} ;; esac
    mount -t cgroup cgroup -o "$options" "$root/sys/fs/cgroup/$name"
  done
fi
for directory in gantry kubelet etcd cni; do
  mkdir -p "$root/var/lib/$directory"
  mount -t tmpfs tmpfs "$root/var/lib/$directory"
done
rm -rf "$root/etc/kubernetes" "$root/etc/cni/net.d" "$root/etc/gantry"
mkdir -p "$root/etc/gantry" "$root/var/log/journal" "$root/usr/lib/gantry/dist" "$root/usr/lib/gantry/node_modules" "$root$shared"
mount --bind "$project/dist" "$root/usr/lib/gantry/dist"
mount --bind "$project/node_modules" "$root/usr/lib/gantry/node_modules"
mount --bind "$shared" "$root$shared"
cp "$node" "$root/usr/lib/gantry/node"
printf "#!/bin/sh\nexec /usr/lib/gantry/node /usr/lib/gantry/dist/gantry.mjs \"\$@\"\n" >"$root/usr/bin/gantry"
chmod 755 "$root/usr/bin/gantry"
cp "$project"/systemd/*.service "$root/lib/systemd/system/"
printf "127.0.0.1 localhost machine\n" >"$root/etc/hosts"
echo 1 >"$root/proc/sys/net/ipv4/ip_forward"
cd "$root"
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$root" /lib/systemd/systemd --system --log-target=journal --show-status=0 --unit=basic.target
' systemd-machine "$2" "$3" "$4" "$5"
