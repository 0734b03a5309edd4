#define _GNU_SOURCE
#include "include/clinux.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

static uint64_t now(clockid_t clock) {
  struct timespec t = {0};
  clock_gettime(clock, &t);
  return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

uint64_t clinux_boot_us(void) { return now(CLOCK_BOOTTIME); }
uint64_t clinux_thread_cpu_us(void) { return now(CLOCK_THREAD_CPUTIME_ID); }
uint64_t clinux_utc_us(void) { return now(CLOCK_REALTIME); }

void clinux_clocks(uint64_t *boot_us, uint64_t *utc_us) {
  // The thread may lose the processor between the two reads: the pair that took least is kept.
  uint64_t best = UINT64_MAX;
  for (int attempt = 0; attempt < 4 && best > 20; attempt++) {
    uint64_t before = now(CLOCK_BOOTTIME), utc = now(CLOCK_REALTIME), after = now(CLOCK_BOOTTIME);
    if (after - before < best) {
      best = after - before;
      *boot_us = before + best / 2;
      *utc_us = utc;
    }
  }
}

int32_t clinux_clock_state(struct clinux_clock_state *state) {
  struct timex t = {.modes = 0};
  int r = adjtimex(&t);
  if (r < 0) return -errno;
  state->synchronised = r != TIME_ERROR && !(t.status & STA_UNSYNC);
  state->leap_pending = (t.status & (STA_INS | STA_DEL)) != 0;
  state->max_error_us = t.maxerror;
  state->estimated_error_us = t.esterror;
  return 0;
}

_Static_assert(sizeof(struct clinux_pollfd) == sizeof(struct pollfd), "pollfd differs");
_Static_assert(CLINUX_POLL_IN == POLLIN && CLINUX_POLL_OUT == POLLOUT, "poll events differ");
_Static_assert(CLINUX_POLL_LOST == (POLLERR | POLLHUP | POLLNVAL), "poll events differ");

int32_t clinux_poll(struct clinux_pollfd *list, uint32_t count, int64_t timeout_us) {
  struct timespec t = {.tv_sec = timeout_us / 1000000, .tv_nsec = timeout_us % 1000000 * 1000};
  int r = ppoll((struct pollfd *)list, count, timeout_us < 0 ? NULL : &t, NULL);
  if (r >= 0) return r;
  if (errno != EINTR) return -errno;
  for (uint32_t i = 0; i < count; i++) list[i].revents = 0;
  return 0;
}

int32_t clinux_event_open(void) {
  int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  return fd < 0 ? -errno : fd;
}

void clinux_event_set(int32_t fd) {
  // Fails only when the counter is full, and then it is set already.
  uint64_t one = 1;
  ssize_t ignored = write(fd, &one, sizeof one);
  (void)ignored;
}

void clinux_event_clear(int32_t fd) {
  uint64_t count;
  ssize_t ignored = read(fd, &count, sizeof count);
  (void)ignored;
}

void clinux_sleep_us(uint64_t us) {
  struct timespec t = {.tv_sec = (time_t)(us / 1000000), .tv_nsec = (long)(us % 1000000) * 1000};
  while (nanosleep(&t, &t) < 0 && errno == EINTR) {}
}
