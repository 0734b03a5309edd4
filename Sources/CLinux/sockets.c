#define _GNU_SOURCE
#include "include/clinux.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

// Fills the address. A path longer than sun_path is named through its directory's descriptor, which
// the caller closes after use; -1 when none was needed.
static int32_t address(const char *path, struct sockaddr_un *a, int32_t *directory_fd) {
  *directory_fd = -1;
  memset(a, 0, sizeof *a);
  a->sun_family = AF_UNIX;
  size_t length = strlen(path);
  if (length < sizeof a->sun_path) {
    memcpy(a->sun_path, path, length);
    return 0;
  }
  const char *slash = strrchr(path, '/');
  if (!slash || length >= 4096) return -ENAMETOOLONG;
  char directory[4096];
  size_t directory_length = (size_t)(slash - path);
  memcpy(directory, path, directory_length);
  directory[directory_length] = 0;
  int fd = open(directory_length ? directory : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return -errno;
  int n = snprintf(a->sun_path, sizeof a->sun_path, "/proc/self/fd/%d/%s", fd, slash + 1);
  if (n < 0 || (size_t)n >= sizeof a->sun_path) {
    close(fd);
    return -ENAMETOOLONG;
  }
  *directory_fd = fd;
  return 0;
}

int32_t clinux_unix_listen(const char *path, uint32_t mode, int32_t backlog) {
  struct sockaddr_un a;
  int32_t directory_fd, r = address(path, &a, &directory_fd);
  if (r < 0) return r;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  int error = fd < 0 ? errno : 0;
  if (!error && unlink(a.sun_path) < 0 && errno != ENOENT) error = errno;
  // The file's mode comes from the socket's own, less the umask, so that it is never wider.
  if (!error && fchmod(fd, mode) < 0) error = errno;
  if (!error && bind(fd, (struct sockaddr *)&a, sizeof a) < 0) error = errno;
  if (!error && chmod(a.sun_path, mode) < 0) error = errno;
  if (!error && listen(fd, backlog) < 0) error = errno;
  if (directory_fd >= 0) close(directory_fd);
  if (error && fd >= 0) close(fd);
  return error ? -error : fd;
}

int32_t clinux_accept(int32_t fd) {
  int r;
  do r = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  while (r < 0 && errno == EINTR);
  return r < 0 ? -errno : r;
}

int32_t clinux_unix_connect(const char *path) {
  struct sockaddr_un a;
  int32_t directory_fd, r = address(path, &a, &directory_fd);
  if (r < 0) return r;
  // Non-blocking from the start: a full backlog gives EAGAIN instead of waiting for its owner.
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  int error = fd < 0 ? errno : 0;
  if (!error && connect(fd, (struct sockaddr *)&a, sizeof a) < 0) error = errno;
  if (directory_fd >= 0) close(directory_fd);
  if (error && fd >= 0) close(fd);
  return error ? -error : fd;
}

intptr_t clinux_send(int32_t fd, const void *bytes, size_t count) {
  ssize_t n;
  do n = send(fd, bytes, count, MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  return n < 0 ? -errno : n;
}

static struct sockaddr_in loopback(uint16_t port) {
  return (struct sockaddr_in){.sin_family = AF_INET,
                              .sin_port = htons(port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

int32_t clinux_loopback_listen(uint16_t port, int32_t backlog, uint16_t *bound) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -errno;
  int one = 1, error = 0;
  struct sockaddr_in a = loopback(port);
  socklen_t length = sizeof a;
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
      bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, backlog) < 0 ||
      getsockname(fd, (struct sockaddr *)&a, &length) < 0)
    error = errno;
  if (error) {
    close(fd);
    return -error;
  }
  *bound = ntohs(a.sin_port);
  return fd;
}

int32_t clinux_loopback_connect(uint16_t port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  struct sockaddr_in a = loopback(port);
  if (connect(fd, (struct sockaddr *)&a, sizeof a) < 0) {
    int error = errno;
    close(fd);
    return -error;
  }
  fcntl(fd, F_SETFL, O_NONBLOCK);
  return fd;
}
