#define _GNU_SOURCE
#include "include/clinux.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

int32_t clinux_pseudo_terminal(int32_t *controller, int32_t *line, char *path, size_t capacity) {
  int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return -errno;
  int error = 0, other = -1;
  if (grantpt(fd) < 0 || unlockpt(fd) < 0) error = errno;
  if (!error) error = ptsname_r(fd, path, capacity);
  if (!error && (other = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)) < 0) error = errno;
  struct clinux_line settings = {.baud_rate = 9600, .data_bits = 8, .parity = 0, .stop_bits = 1};
  if (!error) error = -clinux_line_set(other, &settings);
  if (error) {
    if (other >= 0) close(other);
    close(fd);
    return -error;
  }
  *controller = fd;
  *line = other;
  return 0;
}

int32_t clinux_is_terminal(int32_t fd) { return isatty(fd) ? 1 : 0; }

int32_t clinux_terminal_size(int32_t fd, int32_t *columns, int32_t *rows) {
  struct winsize size;
  if (ioctl(fd, TIOCGWINSZ, &size) < 0) return -errno;
  *columns = size.ws_col;
  *rows = size.ws_row;
  return 0;
}
