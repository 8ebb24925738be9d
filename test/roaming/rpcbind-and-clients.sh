#!/bin/sh
# Runs a command in a network of its own in which an rpcbind listens. Run by drac-clients-call.test.ts below
# `unshare --net --mount`.
set -e
ip link set lo up
mount -t tmpfs none /run
mkdir -p /run/rpcbind
rpcbind -f &
mapper=$!
trap 'kill "$mapper" 2>/dev/null || true' EXIT
n=0
until rpcinfo -T udp 127.0.0.1 100000 2 >/dev/null 2>&1; do
  n=$((n + 1))
  if [ "$n" -gt 150 ]; then exit 99; fi
  sleep 0.1
done
"$@"
