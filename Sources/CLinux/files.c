#define _GNU_SOURCE
#include "include/clinux.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

int32_t clinux_error_not_found(void) { return ENOENT; }
int32_t clinux_error_not_permitted(void) { return EACCES; }
int32_t clinux_error_exists(void) { return EEXIST; }
int32_t clinux_error_no_space(void) { return ENOSPC; }
int32_t clinux_error_not_supported(void) { return EOPNOTSUPP; }
int32_t clinux_error_read_only(void) { return EROFS; }
int32_t clinux_error_again(void) { return EAGAIN; }
int32_t clinux_error_interrupted(void) { return EINTR; }
int32_t clinux_error_busy(void) { return EBUSY; }
int32_t clinux_error_io(void) { return EIO; }
int32_t clinux_error_not_a_terminal(void) { return ENOTTY; }
int32_t clinux_error_invalid(void) { return EINVAL; }
int32_t clinux_error_is_directory(void) { return EISDIR; }
int32_t clinux_error_not_a_directory(void) { return ENOTDIR; }
int32_t clinux_error_refused(void) { return ECONNREFUSED; }
int32_t clinux_error_in_use(void) { return EADDRINUSE; }
int32_t clinux_error_no_device(void) { return ENODEV; }
int32_t clinux_error_pipe(void) { return EPIPE; }

int32_t clinux_error_text(int32_t error, char *text, size_t capacity) {
  if (capacity == 0) return 0;
  char buffer[128];
  const char *found = strerror_r(error, buffer, sizeof buffer);   // the GNU form, which never fails
  size_t length = strlen(found);
  if (length >= capacity) length = capacity - 1;
  memcpy(text, found, length);
  text[length] = 0;
  return (int32_t)length;
}

// Several errno say the same thing to a caller: one number for each meaning.
static int32_t failure(int error) {
  switch (error) {
    case EPERM: return -EACCES;
    case EDQUOT: return -ENOSPC;
    case ENXIO: return -ENODEV;
    default: return -error;
  }
}

int32_t clinux_open(const char *path, int32_t flags, uint32_t mode) {
  int f = O_CLOEXEC | O_NOCTTY;
  int access = flags & (CLINUX_OPEN_READ | CLINUX_OPEN_WRITE);
  f |= access == (CLINUX_OPEN_READ | CLINUX_OPEN_WRITE) ? O_RDWR
       : access == CLINUX_OPEN_WRITE                    ? O_WRONLY
                                                        : O_RDONLY;
  if (flags & CLINUX_OPEN_CREATE) f |= O_CREAT;
  if (flags & CLINUX_OPEN_EXCLUSIVE) f |= O_EXCL;
  if (flags & CLINUX_OPEN_TRUNCATE) f |= O_TRUNC;
  if (flags & CLINUX_OPEN_APPEND) f |= O_APPEND;
  if (flags & CLINUX_OPEN_DIRECT) f |= O_DIRECT;
  if (flags & CLINUX_OPEN_DSYNC) f |= O_DSYNC;
  if (flags & CLINUX_OPEN_DIRECTORY) f |= O_DIRECTORY;
  if (flags & CLINUX_OPEN_NONBLOCK) f |= O_NONBLOCK;
  if (flags & CLINUX_OPEN_NOFOLLOW) f |= O_NOFOLLOW;
  int fd;
  do fd = open(path, f, (mode_t)mode);
  while (fd < 0 && errno == EINTR);
  return fd < 0 ? failure(errno) : fd;
}

int32_t clinux_close(int32_t fd) { return close(fd) < 0 ? -errno : 0; }

intptr_t clinux_read(int32_t fd, void *bytes, size_t count) {
  ssize_t n;
  do n = read(fd, bytes, count);
  while (n < 0 && errno == EINTR);
  return n < 0 ? failure(errno) : n;
}

intptr_t clinux_write(int32_t fd, const void *bytes, size_t count) {
  ssize_t n;
  do n = write(fd, bytes, count);
  while (n < 0 && errno == EINTR);
  return n < 0 ? failure(errno) : n;
}

intptr_t clinux_pread(int32_t fd, void *bytes, size_t count, int64_t offset) {
  ssize_t n;
  do n = pread(fd, bytes, count, offset);
  while (n < 0 && errno == EINTR);
  return n < 0 ? failure(errno) : n;
}

intptr_t clinux_pwrite(int32_t fd, const void *bytes, size_t count, int64_t offset) {
  ssize_t n;
  do n = pwrite(fd, bytes, count, offset);
  while (n < 0 && errno == EINTR);
  return n < 0 ? failure(errno) : n;
}

int32_t clinux_fsync(int32_t fd) { return fsync(fd) < 0 ? failure(errno) : 0; }
int32_t clinux_fdatasync(int32_t fd) { return fdatasync(fd) < 0 ? failure(errno) : 0; }
int32_t clinux_truncate(int32_t fd, int64_t n) { return ftruncate(fd, n) < 0 ? failure(errno) : 0; }
int32_t clinux_allocate(int32_t fd, int64_t n) {
  int e = posix_fallocate(fd, 0, n);
  return e ? failure(e) : 0;
}
int32_t clinux_drop_cache(int32_t fd) { return -posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED); }
int64_t clinux_free_byte_count(const char *path) {
    struct statvfs status;
    if (statvfs(path, &status) < 0) return failure(errno);
    return (int64_t)status.f_bavail * (int64_t)status.f_frsize;
}
int32_t clinux_rename(const char *a, const char *b) { return rename(a, b) < 0 ? failure(errno) : 0; }
int32_t clinux_unlink(const char *path) { return unlink(path) < 0 ? failure(errno) : 0; }
int32_t clinux_rmdir(const char *path) { return rmdir(path) < 0 ? failure(errno) : 0; }
int32_t clinux_mkdir(const char *p, uint32_t m) { return mkdir(p, m) < 0 ? failure(errno) : 0; }
int32_t clinux_symlink(const char *a, const char *b) { return symlink(a, b) < 0 ? failure(errno) : 0; }
int32_t clinux_chmod(const char *p, uint32_t m) { return chmod(p, m) < 0 ? failure(errno) : 0; }

intptr_t clinux_readlink(const char *path, char *target, size_t capacity) {
  if (capacity == 0) return -EINVAL;
  ssize_t n = readlink(path, target, capacity - 1);
  if (n < 0) return failure(errno);
  target[n] = 0;
  return n;
}

intptr_t clinux_realpath(const char *path, char *resolved, size_t capacity) {
  if (capacity < PATH_MAX) return -EINVAL;
  return realpath(path, resolved) ? (intptr_t)strlen(resolved) : failure(errno);
}

int32_t clinux_sync_directory(const char *path) {
  int32_t fd = clinux_open(path, CLINUX_OPEN_READ | CLINUX_OPEN_DIRECTORY, 0);
  if (fd < 0) return fd;
  int32_t result = clinux_fsync(fd);
  close(fd);
  return result;
}

static void reduce(const struct stat *s, struct clinux_status *status) {
  mode_t m = s->st_mode;
  status->kind = S_ISREG(m)    ? CLINUX_KIND_FILE
                 : S_ISDIR(m)  ? CLINUX_KIND_DIRECTORY
                 : S_ISLNK(m)  ? CLINUX_KIND_LINK
                 : S_ISCHR(m)  ? CLINUX_KIND_CHARACTER_DEVICE
                 : S_ISSOCK(m) ? CLINUX_KIND_SOCKET
                               : CLINUX_KIND_OTHER;
  status->mode = m & 07777;
  status->owner = s->st_uid;
  status->device_major = major(s->st_rdev);
  status->device_minor = minor(s->st_rdev);
  status->byte_count = s->st_size;
  status->modified_us = (int64_t)s->st_mtim.tv_sec * 1000000 + s->st_mtim.tv_nsec / 1000;
}

int32_t clinux_status(const char *path, int32_t follow_links, struct clinux_status *status) {
  struct stat s;
  if ((follow_links ? stat(path, &s) : lstat(path, &s)) < 0) return failure(errno);
  reduce(&s, status);
  return 0;
}

int32_t clinux_status_of(int32_t fd, struct clinux_status *status) {
  struct stat s;
  if (fstat(fd, &s) < 0) return failure(errno);
  reduce(&s, status);
  return 0;
}

int32_t clinux_list(const char *path, int32_t (*each)(const char *, void *), void *context) {
  DIR *directory = opendir(path);
  if (!directory) return failure(errno);
  struct dirent *entry;
  int32_t result = 0;
  while (errno = 0, (entry = readdir(directory))) {
    if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
    if (each(entry->d_name, context)) break;
  }
  if (!entry && errno) result = failure(errno);
  closedir(directory);
  return result;
}

int32_t clinux_lock(int32_t fd) {
  int r;
  do r = flock(fd, LOCK_EX | LOCK_NB);
  while (r < 0 && errno == EINTR);
  return r < 0 ? -errno : 0;
}

void clinux_unlock(int32_t fd) { flock(fd, LOCK_UN); }
