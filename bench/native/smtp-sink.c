/*
 * smtp-sink: takes all mail and forgets it, in one thread; what a relay is measured against.
 *
 *     smtp-sink FILE
 *
 * Listens on a loopback port of the system's choice and prints it. In FILE, which others may read at any time, are two numbers of
 * eight octets in the machine's order: how many messages it has taken, and when the last came, in microseconds since 1970. It ends
 * with its parent.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct session {
  int fd;
  int in_text;      /* between 354 and the final dot */
  int matched;      /* octets of the end mark that were just seen */
  size_t length;    /* of the command so far */
  char line[1024];
  char out[8192];   /* replies to what one read brought */
  size_t out_length;
  int over;
};

static const char mark[] = "\r\n.\r\n";
static volatile uint64_t *figures;

static void fatal(const char *what) {
  perror(what);
  exit(2);
}

static void reply(struct session *s, const char *text) {
  size_t length = strlen(text);
  if (s->out_length + length > sizeof s->out) {
    s->over = 1;
    return;
  }
  memcpy(s->out + s->out_length, text, length);
  s->out_length += length;
}

static void on_command(struct session *s) {
  if (strncasecmp(s->line, "EHLO", 4) == 0) reply(s, "250-sink.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 104857600\r\n");
  else if (strncasecmp(s->line, "DATA", 4) == 0) {
    reply(s, "354 go on\r\n");
    s->in_text = 1;
    /* A dot on the first line ends it, too. */
    s->matched = 2;
  } else if (strncasecmp(s->line, "QUIT", 4) == 0) {
    reply(s, "221 bye\r\n");
    s->over = 1;
  } else reply(s, "250 ok\r\n");
}

static void on_end_of_text(struct session *s) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  figures[0] += 1;
  figures[1] = (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
  s->in_text = 0;
  reply(s, "250 taken\r\n");
}

static const char *through_text(struct session *s, const char *at, const char *end) {
  while (at < end && s->in_text) {
    if (s->matched == 0 && (at = memchr(at, '\r', (size_t)(end - at))) == NULL) return end;
    if (*at == mark[s->matched]) s->matched += 1;
    else s->matched = *at == '\r' ? 1 : 0;
    at += 1;
    if (s->matched == 5) on_end_of_text(s);
  }
  return at;
}

static const char *through_commands(struct session *s, const char *at, const char *end) {
  while (at < end && !s->in_text && !s->over) {
    char c = *at++;
    if (c == '\n') {
      s->line[s->length] = 0;
      s->length = 0;
      on_command(s);
    } else if (s->length < sizeof s->line - 1) s->line[s->length++] = c;
  }
  return at;
}

static void serve(struct session *s) {
  static char chunk[262144];
  ssize_t got;
  do {
    got = read(s->fd, chunk, sizeof chunk);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) s->over = 1;
    const char *at = chunk, *end = chunk + (got > 0 ? got : 0);
    while (at < end && !s->over) at = s->in_text ? through_text(s, at, end) : through_commands(s, at, end);
    if (s->out_length > 0 && write(s->fd, s->out, s->out_length) < 0) s->over = 1;
    s->out_length = 0;
  } while (!s->over && got == sizeof chunk);
  if (s->over) {
    close(s->fd);
    free(s);
  }
}

int main(int count, char **words) {
  if (count != 2) {
    fprintf(stderr, "smtp-sink: one argument is needed, the file of the figures\n");
    return 2;
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  signal(SIGPIPE, SIG_IGN);
  int file = open(words[1], O_RDWR | O_CREAT | O_TRUNC, 0644);
  if (file < 0 || ftruncate(file, 16) != 0) fatal(words[1]);
  figures = mmap(NULL, 16, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (figures == MAP_FAILED) fatal("mmap");

  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
  socklen_t length = sizeof address;
  if (listener < 0 || bind(listener, (struct sockaddr *)&address, length) != 0 || listen(listener, 1024) != 0) fatal("listen");
  if (getsockname(listener, (struct sockaddr *)&address, &length) != 0) fatal("getsockname");
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);

  int poll_fd = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL }, events[256];
  if (poll_fd < 0 || epoll_ctl(poll_fd, EPOLL_CTL_ADD, listener, &event) != 0) fatal("epoll");
  for (;;) {
    int ready = epoll_wait(poll_fd, events, 256, -1);
    for (int i = 0; i < ready; i++) {
      if (events[i].data.ptr != NULL) {
        serve(events[i].data.ptr);
        continue;
      }
      int fd;
      while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct session *s = calloc(1, sizeof *s);
        if (s == NULL) fatal("memory");
        s->fd = fd;
        struct epoll_event its = { .events = EPOLLIN, .data.ptr = s };
        reply(s, "220 sink.test ESMTP\r\n");
        if (write(fd, s->out, s->out_length) < 0 || epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &its) != 0) {
          close(fd);
          free(s);
          continue;
        }
        s->out_length = 0;
      }
    }
  }
}
