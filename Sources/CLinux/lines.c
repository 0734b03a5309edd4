// Serial lines by termios2, which glibc's <termios.h> lacks and clashes with: hence a file of its own
// that includes the kernel's headers only.
#include "include/clinux.h"

#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <errno.h>
#include <linux/serial.h>
#include <string.h>

extern int ioctl(int, unsigned long, ...);

static const tcflag_t size_bits[] = {CS5, CS6, CS7, CS8};

static void describe(const struct termios2 *t, struct clinux_line *line) {
  line->baud_rate = t->c_ospeed;
  line->data_bits = 5;
  for (int i = 0; i < 4; i++)
    if ((t->c_cflag & CSIZE) == size_bits[i]) line->data_bits = (uint8_t)(5 + i);
  line->parity = !(t->c_cflag & PARENB) ? 0 : t->c_cflag & PARODD ? 2 : 1;
  line->stop_bits = t->c_cflag & CSTOPB ? 2 : 1;
}

int32_t clinux_line_get(int32_t fd, struct clinux_line *line) {
  struct termios2 t;
  if (ioctl(fd, TCGETS2, &t) < 0) return -errno;
  describe(&t, line);
  return 0;
}

int32_t clinux_line_set(int32_t fd, struct clinux_line *line) {
  struct termios2 t;
  if (ioctl(fd, TCGETS2, &t) < 0) return -errno;
  if (line->data_bits < 5 || line->data_bits > 8 || line->parity > 2 || line->baud_rate == 0)
    return -EINVAL;
  t.c_iflag = line->parity ? INPCK | IGNPAR : 0;   // a byte with bad parity is dropped: CRC finds it
  t.c_oflag = 0;
  t.c_lflag = 0;
  t.c_line = 0;
  t.c_cflag = CREAD | CLOCAL | BOTHER | size_bits[line->data_bits - 5];
  if (line->stop_bits == 2) t.c_cflag |= CSTOPB;
  if (line->parity) t.c_cflag |= PARENB;
  if (line->parity == 2) t.c_cflag |= PARODD;
  t.c_ispeed = t.c_ospeed = line->baud_rate;
  memset(t.c_cc, 0, sizeof t.c_cc);
  // With VMIN 1 and O_NONBLOCK an empty line answers EAGAIN, so that 0 means hang-up alone.
  t.c_cc[VMIN] = 1;
  if (ioctl(fd, TCSETS2, &t) < 0) return -errno;
  return clinux_line_get(fd, line);
}

int32_t clinux_line_exclusive(int32_t fd) { return ioctl(fd, TIOCEXCL) < 0 ? -errno : 0; }

int32_t clinux_line_rs485(int32_t fd) {
  struct serial_rs485 r = {.flags = SER_RS485_ENABLED | SER_RS485_RTS_ON_SEND};
  return ioctl(fd, TIOCSRS485, &r) < 0 ? -errno : 0;
}

int32_t clinux_line_flush(int32_t fd) { return ioctl(fd, TCFLSH, TCIOFLUSH) < 0 ? -errno : 0; }

int32_t clinux_line_errors(int32_t fd, struct clinux_line_errors *errors) {
  struct serial_icounter_struct c;
  if (ioctl(fd, TIOCGICOUNT, &c) < 0) return -errno;
  errors->parity = (uint32_t)c.parity;
  errors->framing = (uint32_t)c.frame;
  errors->overrun = (uint32_t)c.overrun;
  errors->breaks = (uint32_t)c.brk;
  errors->buffer_overrun = (uint32_t)c.buf_overrun;
  return 0;
}
