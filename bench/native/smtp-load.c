/*
 * smtp-load: sends mail over loopback as fast as it is taken, in one thread, and prints what came of it as one line of JSON.
 *
 *     smtp-load port=2525 connections=20 messages=1000 each=1 size=10240 mailboxes=50 domain=bench.test seconds=60
 *
 * One command, then its reply, as a client does that was offered no PIPELINING; `each` messages go over a connection (0: all that
 * it can get), then QUIT, whose reply is not waited for. Recipients are b00, b01, ... in turn. A message that was not taken is
 * counted as a failure and sent anew. It ends when every message has its 250, or after so many seconds.
 *
 * It has to cost little beside what it measures: a reply is one read and one write, and a socket is told to epoll only once.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum stage { IDLE, GREETING, HELLO, MAIL, RCPT, DATA, TEXT };
/* What is awaited in each stage. */
static const char expected[] = { 0, '2', '2', '2', '2', '3', '2' };

struct session {
  int fd;
  enum stage stage;
  long number;          /* of the message; -1: none */
  long taken;           /* messages over this connection */
  double opened, began; /* seconds */
  double not_before;    /* when it may be opened again after a failure */
  char in[4096], out[1024];
  size_t held;          /* octets in `in` */
  struct iovec rest[2]; /* what is still to be written */
};

struct times { double *all; long count, room; };

static long port, connections = 20, messages = 1000, each = 1, size = 10240, mailboxes = 50, limit = 60;
static const char *domain = "bench.test";
static struct sockaddr_in server;
static int poll_fd;
static char *text;
static size_t text_length;
static long fresh, accepted, failures, *again, again_count;
static char first_failure[200];
static struct times greetings, letters;

static double clock_now(clockid_t id) {
  struct timespec t;
  clock_gettime(id, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}
static double now(void) { return clock_now(CLOCK_MONOTONIC); }

static void fatal(const char *what) {
  perror(what);
  exit(2);
}

static void note(struct times *times, double seconds) {
  if (times->count == times->room) {
    times->room = times->room * 2 + 1024;
    times->all = realloc(times->all, (size_t)times->room * sizeof *times->all);
    if (times->all == NULL) fatal("memory");
  }
  times->all[times->count++] = seconds;
}

static int more(void) { return again_count > 0 || fresh < messages; }
static long next_number(void) { return again_count > 0 ? again[--again_count] : fresh++; }

static void leave(struct session *s) {
  close(s->fd);
  s->fd = -1;
  s->stage = IDLE;
}

static void fail(struct session *s, const char *why) {
  failures += 1;
  if (first_failure[0] == 0) {
    for (size_t i = 0; i + 1 < sizeof first_failure && why[i] != 0; i++)
      first_failure[i] = why[i] < ' ' || why[i] == '"' || why[i] == '\\' ? ' ' : why[i];
  }
  if (s->number >= 0) again[again_count++] = s->number;
  s->number = -1;
  s->not_before = now() + 0.05;
  leave(s);
}

static void write_rest(struct session *s) {
  while (s->rest[0].iov_len + s->rest[1].iov_len > 0) {
    ssize_t done = writev(s->fd, s->rest, 2);
    if (done < 0) {
      if (errno != EAGAIN && errno != EINTR) fail(s, strerror(errno));
      return;
    }
    for (int i = 0; i < 2; i++) {
      size_t part = (size_t)done < s->rest[i].iov_len ? (size_t)done : s->rest[i].iov_len;
      s->rest[i].iov_base = (char *)s->rest[i].iov_base + part;
      s->rest[i].iov_len -= part;
      done -= (ssize_t)part;
    }
  }
}

/* Sends what is in `out`, and after it the text of a message if that is wanted. */
static void say(struct session *s, enum stage stage, int length, int with_text) {
  s->stage = stage;
  s->rest[0] = (struct iovec){ s->out, (size_t)length };
  s->rest[1] = (struct iovec){ text, with_text ? text_length : 0 };
  write_rest(s);
}

static void begin_message(struct session *s) {
  if (s->number < 0) s->number = next_number();
  s->began = now();
  say(s, MAIL, snprintf(s->out, sizeof s->out, "MAIL FROM:<load@client.test>\r\n"), 0);
}

static void open_session(struct session *s) {
  s->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (s->fd < 0) fatal("socket");
  int on = 1;
  setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  s->number = next_number();
  s->taken = 0;
  s->held = 0;
  s->rest[0].iov_len = s->rest[1].iov_len = 0;
  s->stage = GREETING;
  s->opened = now();
  if (connect(s->fd, (struct sockaddr *)&server, sizeof server) != 0 && errno != EINPROGRESS) {
    fail(s, strerror(errno));
    return;
  }
  struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = s };
  if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, s->fd, &event) != 0) fatal("epoll_ctl");
}

static void on_accepted(struct session *s) {
  note(&letters, now() - s->began);
  accepted += 1;
  s->number = -1;
  s->taken += 1;
  if ((each == 0 || s->taken < each) && more()) {
    begin_message(s);
    return;
  }
  if (write(s->fd, "QUIT\r\n", 6) < 0) failures += 1;
  leave(s);
  if (more()) open_session(s);
}

static void on_reply(struct session *s, const char *line) {
  if (line[0] != expected[s->stage]) {
    fail(s, line);
    return;
  }
  int who = (int)(s->number % mailboxes);
  switch (s->stage) {
  case GREETING:
    note(&greetings, now() - s->opened);
    say(s, HELLO, snprintf(s->out, sizeof s->out, "EHLO client.test\r\n"), 0);
    break;
  case HELLO:
    begin_message(s);
    break;
  case MAIL:
    say(s, RCPT, snprintf(s->out, sizeof s->out, "RCPT TO:<b%02d@%s>\r\n", who, domain), 0);
    break;
  case RCPT:
    say(s, DATA, snprintf(s->out, sizeof s->out, "DATA\r\n"), 0);
    break;
  case DATA:
    say(s, TEXT,
        snprintf(s->out, sizeof s->out,
                 "From: Load <load@client.test>\r\nTo: <b%02d@%s>\r\nSubject: message %ld\r\n"
                 "Date: Tue, 24 Nov 2026 21:59:01 +0800\r\nMessage-ID: <%ld.%ld@client.test>\r\n\r\n",
                 who, domain, s->number, s->number, (long)getpid()),
        1);
    break;
  case TEXT:
    on_accepted(s);
    break;
  case IDLE:
    break;
  }
}

static void on_readable(struct session *s) {
  size_t room = sizeof s->in - 1 - s->held;
  int fd = s->fd;
  ssize_t got = read(fd, s->in + s->held, room);
  if (got < 0) {
    if (errno != EAGAIN && errno != EINTR) fail(s, strerror(errno));
    return;
  }
  if (got == 0) {
    fail(s, "the server closed the connection");
    return;
  }
  s->held += (size_t)got;
  char *line = s->in, *end = s->in + s->held, *lf;
  while ((lf = memchr(line, '\n', (size_t)(end - line))) != NULL) {
    *lf = 0;
    if (lf - line < 4 || line[3] != '-') {
      on_reply(s, line);
      /* Another connection now, or none. */
      if (s->stage == IDLE || s->fd != fd || s->stage == GREETING) return;
    }
    line = lf + 1;
  }
  s->held = (size_t)(end - line);
  memmove(s->in, line, s->held);
  if (s->held == sizeof s->in - 1) fail(s, "a reply line without end");
  /* Where there was no room left there may be more. */
  else if ((size_t)got == room) on_readable(s);
}

static void make_text(void) {
  static const char end[] = "=END=\r\n.\r\n";
  text = malloc((size_t)size + 128);
  if (text == NULL) fatal("memory");
  while ((long)text_length + 78 + 7 <= size) {
    memset(text + text_length, 'a' + (int)(text_length / 78 % 26), 76);
    memcpy(text + text_length + 76, "\r\n", 2);
    text_length += 78;
  }
  memcpy(text + text_length, end, sizeof end - 1);
  text_length += sizeof end - 1;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void print_times(const char *name, struct times *times) {
  double found[3] = { 0, 0, 0 };
  static const double shares[3] = { 0.5, 0.99, 1 };
  if (times->count > 0) {
    qsort(times->all, (size_t)times->count, sizeof *times->all, ascending);
    for (int i = 0; i < 3; i++) found[i] = times->all[(long)((double)(times->count - 1) * shares[i])] * 1e3;
  }
  printf("\"%s\":{\"median\":%.3f,\"p99\":%.3f,\"longest\":%.3f},", name, found[0], found[1], found[2]);
}

static void read_arguments(int count, char **words) {
  struct { const char *name; long *value; } numbers[] = {
    { "port=", &port }, { "connections=", &connections }, { "messages=", &messages }, { "each=", &each },
    { "size=", &size }, { "mailboxes=", &mailboxes }, { "seconds=", &limit },
  };
  for (int i = 1; i < count; i++) {
    int known = 0;
    if (strncmp(words[i], "domain=", 7) == 0) domain = words[i] + 7, known = 1;
    for (size_t n = 0; n < sizeof numbers / sizeof *numbers; n++) {
      size_t length = strlen(numbers[n].name);
      if (strncmp(words[i], numbers[n].name, length) == 0) *numbers[n].value = atol(words[i] + length), known = 1;
    }
    if (!known) {
      fprintf(stderr, "smtp-load: %s is not known\n", words[i]);
      exit(2);
    }
  }
  if (port < 1 || port > 65535 || connections < 1 || messages < 1 || mailboxes < 1 || size < 0 || each < 0) {
    fprintf(stderr, "smtp-load: a number is out of range\n");
    exit(2);
  }
}

int main(int count, char **words) {
  read_arguments(count, words);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  signal(SIGPIPE, SIG_IGN);
  server = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((unsigned short)port),
                                 .sin_addr = { htonl(INADDR_LOOPBACK) } };
  make_text();
  struct session *sessions = calloc((size_t)connections, sizeof *sessions);
  again = calloc((size_t)connections, sizeof *again);
  poll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (sessions == NULL || again == NULL || poll_fd < 0) fatal("start");
  for (long i = 0; i < connections; i++) sessions[i].fd = -1;

  double started_at = clock_now(CLOCK_REALTIME), started = now(), ended = started;
  struct epoll_event events[256];
  while (accepted < messages && ended - started < (double)limit) {
    for (long i = 0; i < connections && more(); i++)
      if (sessions[i].stage == IDLE && sessions[i].not_before <= ended) open_session(&sessions[i]);
    int ready = epoll_wait(poll_fd, events, 256, 20);
    for (int i = 0; i < ready; i++) {
      struct session *s = events[i].data.ptr;
      if (s->stage != IDLE && (events[i].events & EPOLLOUT) != 0) write_rest(s);
      if (s->stage != IDLE && (events[i].events & ~(unsigned)EPOLLOUT) != 0) on_readable(s);
    }
    ended = now();
  }
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  printf("{\"accepted\":%ld,\"failures\":%ld,\"firstFailure\":\"%s\",\"startedAt\":%.3f,\"milliseconds\":%.3f,", accepted,
         failures, first_failure, started_at * 1e3, (ended - started) * 1e3);
  print_times("greeting", &greetings);
  print_times("letter", &letters);
  printf("\"processor\":%.3f}\n", (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e3 +
                                      (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e3);
  return 0;
}
