"""A small ext4 file system of its own on a loop device: a disk that can be filled up, and whose writes the
kernel counts. Takes root."""

import ctypes
import errno
import os
import subprocess
import sys


def demand_root():
    """Ends the test with what to do about it."""
    if os.geteuid() != 0:
        sys.exit("this mounts file systems on loop devices, which takes root: run it with sudo")


class LoopDisk:
    """ext4 in the file `image`, mounted on `path` until `close`.

    Blocks have 4 KiB, as on any disk that is not this small. All metadata is written by mkfs at once: what the
    kernel would otherwise initialise after the mount, in the background, would count as written by whoever
    uses the disk.
    """

    def __init__(self, image, path, mib, options="relatime"):
        self.path = os.path.abspath(path)
        os.makedirs(self.path, exist_ok=True)
        with open(image, "wb") as file:
            file.truncate(mib << 20)
        run("mkfs.ext4", "-q", "-F", "-b", "4096", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0", image)
        run("mount", "-o", f"loop,{options}", image, self.path)
        self.device = next(device for device, point in mounts() if point == self.path)

    def close(self):
        """Unmounts it; the loop device goes with that."""
        run("umount", self.path)

    def written(self):
        """Bytes that the device was given and flushes that it was asked for, since it was made, after the file
        system has written what it held back."""
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            if ctypes.CDLL(None, use_errno=True).syncfs(descriptor) != 0:
                raise OSError(ctypes.get_errno(), "syncfs failed")
        finally:
            os.close(descriptor)
        # The kernel's Documentation/block/stat.rst: 7 is sectors of 512 bytes written, 16 is flushes.
        with open(f"/sys/block/{os.path.basename(self.device)}/stat") as file:
            fields = file.read().split()
        return int(fields[6]) * 512, int(fields[15])

    def transactions(self):
        """How many times the file system has written metadata to its own journal, which is inode 8."""
        with open(f"/proc/fs/jbd2/{os.path.basename(self.device)}-8/info") as file:
            return int(file.read().split()[0])

    def fill(self):
        """What others write until nothing more fits."""
        fill_up(os.path.join(self.path, "ballast"))

    def free(self):
        """Gives the space back."""
        os.remove(os.path.join(self.path, "ballast"))


def fill_up(path):
    """Writes the file `path` until nothing more fits on its file system, whoever else writes there."""
    with open(path, "ab", buffering=0) as file:
        piece = bytes(1 << 20)
        while piece:
            try:
                file.write(piece)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                piece = piece[:len(piece) // 2]
        os.fsync(file.fileno())


def run(*command):
    # Debian keeps mkfs and mount out of the path of whoever came here by su.
    subprocess.run(command, check=True, env=dict(os.environ, PATH=f"{os.environ['PATH']}:/usr/sbin:/sbin"))


def mounts():
    """(device, mount point) of every mounted file system, the oldest first."""
    with open("/proc/mounts") as file:
        return [line.split()[:2] for line in file]


def unmount_below(directory):
    """Unmounts what an earlier run that was killed has left below `directory`."""
    below = os.path.abspath(directory) + "/"
    for _, point in mounts()[::-1]:
        if point.startswith(below):
            run("umount", point)
