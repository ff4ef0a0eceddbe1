#!/bin/sh
# Runs the program named by GANTRY_TEST_NODE in a network and a mount namespace of its own, with a loopback link and an empty /run: what test files beside it make is
# not seen from there. Groups stay the machine's: a fresh sysfs shows the links of the new namespace, and takes over what is mounted for groups.
exec unshare --net --mount --propagation private -- sh -c '
set -e
ip link set lo up
held=$(mktemp -d)
mount --rbind /sys/fs/cgroup "$held"
umount -R -l /sys
mount -t sysfs sysfs /sys
mount --rbind "$held" /sys/fs/cgroup
umount -R -l "$held"
rmdir "$held"
mount -t tmpfs tmpfs /run
exec "$GANTRY_TEST_NODE" "$@"' own-namespaces "$@"
