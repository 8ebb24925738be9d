#!/bin/bash
# Runs a command on a machine of its own: `unshare -n -m -u` has already given it an empty network and private mounts, and
# this lays over them the tables, accounts, names and mailboxes of the folder DIR, so that a real Sendmail with the paths
# that are built into it touches nothing of the host's.
#
#     private-namespace.sh DIR COMMAND ARG …
set -eu
dir=$1
shift

ip link set lo up
# 192.0.2.1 is the mail host, 203.0.113.0/24 is the world's servers, 202.99.11.0/24 and 198.51.100.0/24 are clients. A
# network on loopback makes each of its addresses local without making it an address of the host.
for network in 192.0.2.1/32 192.0.2.3/32 203.0.113.1/24 202.99.11.1/24 198.51.100.1/24 198.51.101.1/24; do
  ip addr add "$network" dev lo
done
for address in 2001:db8:51d2::23f4 2001:db8:51d2:7::9 2001:db8:ffff::1 2001:db8::25; do
  ip -6 addr add "$address/128" dev lo 2>/dev/null || true
done
hostname mail.linuxaid.com.cn

# Files are laid over files and folders over folders; what is missing on the host is made first.
over() {
  if [ -d "$dir/$1" ]; then mkdir -p "/$1"; else [ -e "/$1" ] || : >"/$1"; fi
  mount --bind "$dir/$1" "/$1"
}
for folder in root etc/mail var/mail var/spool/mqueue var/spool/mqueue-client home; do
  over "$folder"
done
for file in etc/passwd etc/group etc/hosts etc/resolv.conf etc/nsswitch.conf; do
  over "$file"
done
# A /dev with a log socket of its own.
mkdir -p "$dir/dev"
for device in null zero full random urandom tty; do
  : >"$dir/dev/$device"
  mount --bind "/dev/$device" "$dir/dev/$device"
done
ln -s /proc/self/fd "$dir/dev/fd"
mount --rbind "$dir/dev" /dev
exec "$@"
