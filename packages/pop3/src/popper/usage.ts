/** What `popper --help` prints. */
export const USAGE = `usage: popper [ADDR][:][PORT] [FLAGS]     listen and serve
       popper [FLAGS]                     serve the connection on descriptor 0 (inetd, systemd)
       popper --verify USER [--json]      look at a mailbox, change nothing
       popper --explain [FLAGS]           print the settings that file and flags come to

  -b DIR       bulletins lie in DIR           -B        log in without them too
  -c           names in any case (always)     -C        drop @domain from names
  -d           debug lines in the log         -D HOST   POP before SMTP (DRAC)
  -e login_delay=SECONDS,expire=DAYS          what CAPA announces
  -f FILE      read a configuration file      -l N      TLS: 0, 1 STLS, 2 from the first octet
  -p N         clear passwords: 0 default, 1 never, 2 always, 3 from this host, 4 with TLS
  -R           no host names in log lines     -s        Stats: lines
  -t FILE      trace sessions into FILE       -T N      seconds a client may be silent
  -u           read ~/.qpopper-options        -U        read .USER.qpopper-options in the spool
  -v           version
  -F -k -K SERVICE -L N -S -y FACILITY        taken, and not needed here

  --root DIR   the site root (MAILHOST_ROOT, else /)
  --help, --version

With an address, a terminal or /dev/null on descriptor 0 it listens, by default where pop3.listen says.
Flags rule over the settings in etc/mail; see popper(8) and qpopper-config(5).`;
