#!/bin/sh
# Runs a command with the /etc and the mailboxes of the folder DIR and a host name of its own: `unshare --mount --uts` has already
# given it private mounts, so a server with the paths that are built into it touches nothing of the host's.
#
#     private-site.sh DIR COMMAND ARG …
set -eu
dir=$1
shift
hostname mx.bench.test
mount --bind "$dir/etc" /etc
mount --bind "$dir/mail" /var/mail
exec "$@"
