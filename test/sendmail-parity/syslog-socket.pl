#!/usr/bin/perl
# Takes what programs write to /dev/log and appends it to a file, a line each; Node has no datagram sockets of this kind. A
# line on standard input is written too, after everything that was sent to the socket before.
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
syswrite(STDOUT, "ready\n");

# Writes what waits in the socket.
sub drain {
    while (defined recv($socket, my $line, 65536, MSG_DONTWAIT)) {
        $line =~ s/[\0\n]+$//;
        print $log "$line\n";
    }
}

my $input = '';
while (1) {
    my $ready = '';
    vec($ready, fileno($socket), 1) = 1;
    vec($ready, fileno(STDIN), 1) = 1;
    select($ready, undef, undef, undef);
    if (vec($ready, fileno(STDIN), 1)) {
        last unless sysread(STDIN, $input, 4096, length $input);
        drain();
        while ($input =~ s/^(.*\n)//) { print $log $1 }
    }
    drain();
}
