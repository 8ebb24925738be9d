#!/bin/sh
# Runs a command with the accounts and mailboxes of the folder DIR: `unshare --mount` has already given it private mounts, so
# a popa3d with the paths that are built into it touches nothing of the host's.
#
#     private-accounts.sh DIR COMMAND ARG …
set -eu
dir=$1
shift
for file in passwd group shadow; do mount --bind "$dir/$file" "/etc/$file"; done
mount --bind "$dir/pam.d" /etc/pam.d
mount --bind "$dir/mail" /var/mail
mount --bind "$dir/lib" /var/lib
exec "$@"
