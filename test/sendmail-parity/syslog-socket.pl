#!/usr/bin/perl
# Takes what programs write to /dev/log and appends it to a file, a line each; Node has no datagram sockets of this kind.
#
#     syslog-socket.pl SOCKET FILE
use strict;
use warnings;
use Socket;
my ($path, $file) = @ARGV;
socket(my $socket, PF_UNIX, SOCK_DGRAM, 0) or die "socket: $!";
bind($socket, sockaddr_un($path)) or die "$path: $!";
chmod 0666, $path;
open(my $log, '>>', $file) or die "$file: $!";
$log->autoflush(1);
print "ready\n";
STDOUT->flush();
while (defined recv($socket, my $line, 65536, 0)) {
    $line =~ s/[\0\n]+$//;
    print $log "$line\n";
}
