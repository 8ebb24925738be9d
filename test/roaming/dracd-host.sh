#!/bin/sh
# What happens inside of rpcbind-and-clients.sh: a host starts, clients call, the host stops. Arguments: the client's path, then the
# command that starts the host, then `--`, then the `mailhost` command.
client=$1
shift
start=
while [ "$1" != "--" ]; do
  start="$start '$1'"
  shift
done
shift
eval "exec $start" >/dev/null 2>&1 &
host=$!
trap 'kill "$host" 2>/dev/null || true' EXIT
n=0
until rpcinfo -T udp 127.0.0.1 900101 2 >/dev/null 2>&1 && rpcinfo -T tcp 127.0.0.1 900101 2 >/dev/null 2>&1; do
  n=$((n + 1))
  if [ "$n" -gt 300 ]; then echo "never registered"; kill "$host"; exit 1; fi
  sleep 0.1
done
echo "rpcinfo: $(rpcinfo -T udp 127.0.0.1 900101 1) $(rpcinfo -T tcp 127.0.0.1 900101 1)"
echo "version 3: $(rpcinfo -T udp 127.0.0.1 900101 3 2>&1 | tr '\n' ' ')"
echo "udp: $("$client" udp 198.51.100.7)"
echo "tcp: $("$client" tcp 198.51.100.8)"
echo "udp6: $("$client" udp 2001:db8::7)"
echo "never: $("$client" udp 203.0.113.5)"
"$@"
kill "$host"
wait "$host"
echo "stopped: $(rpcinfo -p 127.0.0.1 | grep -c 900101)"
