// Preloaded into tallyd by substation.py: sets its wall clock by so many microseconds as the first eight
// bytes of the file CLOCK_OFFSET_FILE say, which the test changes while it runs. Other clocks stay.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const int64_t none = 0;
static const volatile int64_t *offset;

static const volatile int64_t *open_offset(void) {
  const char *path = getenv("CLOCK_OFFSET_FILE");
  const int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (file < 0) return &none;
  const void *page = mmap(0, sizeof *offset, PROT_READ, MAP_SHARED, file, 0);
  close(file);
  return page == MAP_FAILED ? &none : page;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  const long result = syscall(SYS_clock_gettime, clock, time);
  if (result != 0 || clock != CLOCK_REALTIME) return (int)result;
  if (!offset) offset = open_offset();
  const int64_t sum = (int64_t)time->tv_sec * 1000000000 + time->tv_nsec + *offset * 1000;
  time->tv_sec = sum / 1000000000;
  time->tv_nsec = sum % 1000000000;
  return 0;
}
