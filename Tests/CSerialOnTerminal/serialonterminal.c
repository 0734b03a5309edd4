// The executable's definitions of lstat, readlink and ioctl win over libc's for libserialport too.
// Everything that does not concern the named pseudo-terminal goes straight on to libc or the kernel.
#define _GNU_SOURCE
#include "include/serialonterminal.h"

#include <errno.h>
#include <linux/serial.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <fcntl.h>
#include <unistd.h>

static _Atomic int32_t named = -1;
static _Atomic int32_t rs485;
static _Atomic int modem_lines;

void serial_on_terminal(int32_t number) {
  atomic_store(&rs485, 0);
  atomic_store(&modem_lines, 0);
  atomic_store(&named, number);
}

int32_t serial_on_terminal_rs485(void) { return atomic_load(&rs485); }

static int is_named(const char *path) {
  int32_t number = atomic_load(&named);
  if (number < 0 || strncmp(path, "/sys/class/tty/pts/", 19)) return 0;
  char wanted[32];
  snprintf(wanted, sizeof wanted, "%d", number);
  size_t length = strlen(wanted);
  return !strncmp(path + 19, wanted, length) && (path[19 + length] == 0 || path[19 + length] == '/');
}

int lstat(const char *restrict path, struct stat *restrict status) {
  if (!is_named(path)) return fstatat(AT_FDCWD, path, status, AT_SYMLINK_NOFOLLOW);
  memset(status, 0, sizeof *status);
  status->st_mode = S_IFLNK | 0777;
  return 0;
}

// The name under which Debian's libserialport.so.0 imports it (built against an older glibc).
int __lxstat(int version, const char *path, struct stat *status) {
  (void)version;
  return lstat(path, status);
}

ssize_t readlink(const char *restrict path, char *restrict target, size_t capacity) {
  if (!is_named(path)) return readlinkat(AT_FDCWD, path, target, capacity);
  static const char link[] = "../../devices/virtual/tty/pts";
  size_t length = sizeof link - 1 < capacity ? sizeof link - 1 : capacity;
  memcpy(target, link, length);
  return (ssize_t)length;
}

static int is_named_fd(int fd) {
  int32_t number = atomic_load(&named);
  struct stat status;
  return number >= 0 && fstat(fd, &status) == 0 && S_ISCHR(status.st_mode) &&
         major(status.st_rdev) >= 136 && major(status.st_rdev) <= 143 &&
         (int32_t)minor(status.st_rdev) == number;
}

int ioctl(int fd, unsigned long request, ...) {
  va_list list;
  va_start(list, request);
  void *argument = va_arg(list, void *);
  va_end(list);
  long result = syscall(SYS_ioctl, fd, request, argument);
  if (result >= 0 || !is_named_fd(fd)) return (int)result;
  int *lines = argument;
  switch (request) {
    case TIOCMGET: *lines = atomic_load(&modem_lines) | TIOCM_CTS | TIOCM_DSR | TIOCM_CAR; return 0;
    case TIOCMSET: atomic_store(&modem_lines, *lines); return 0;
    case TIOCMBIS: atomic_fetch_or(&modem_lines, *lines); return 0;
    case TIOCMBIC: atomic_fetch_and(&modem_lines, ~*lines); return 0;
    case TIOCSRS485:
      atomic_store(&rs485, ((struct serial_rs485 *)argument)->flags & SER_RS485_ENABLED ? 1 : 0);
      return 0;
    case TIOCGICOUNT:
      memset(argument, 0, sizeof(struct serial_icounter_struct));
      ((struct serial_icounter_struct *)argument)->frame = 7;
      return 0;
    default: return (int)result;
  }
}
