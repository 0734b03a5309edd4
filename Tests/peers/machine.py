"""A computer whose power can be cut: QEMU with Debian's kernel and a file system in memory, in which the simulated
substation and the gateway run; the gateway's data lie on a disk whose writes are logged.

No hardware help is asked for (TCG), so that it runs inside virtual machines too. The guest reaches the collector on
the host's loopback by the address 10.0.2.2, which is QEMU's own network (SLIRP) and no other.
"""

import glob
import os
import re
import shutil
import signal
import subprocess

from substation import Failure, die_with_parent

HOST = "10.0.2.2"
# What has to be there of a kernel whose drivers are modules; what these depend on is added.
MODULES = ("virtio_pci", "virtio_blk", "virtio_net", "crc32c_generic", "ext4")

INIT = """\
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin LANG=C TALLYSTICK_SHARE=/share TALLYSTICK_DEV=/lines
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts && mount -t devpts -o ptmxmode=666 pts /dev/pts
for module in $(cat /modules/order); do insmod /modules/$module; done
ip link set lo up
ip link set eth0 up
ip addr add 10.0.2.15/24 dev eth0
tally-sim site --board /share/boards/test/crash --site /site.yaml --dev /lines >/simulator.log 2>&1 &
until grep -qx ready /simulator.log; do sleep 0.1; done
echo "guest: mounts the disk"
mount -t ext4 /dev/vda /data || echo "guest: the disk cannot be mounted"
echo "guest: starts the gateway"
tallyd --site /site.yaml --data /data/gateway 2>&1 | while read -r line; do echo "gateway: $line"; done
echo "guest: the gateway has ended"
sync
poweroff -f
"""


class Machine:
    """`kernel` is where Debian's package of the kernel was unpacked."""

    def __init__(self, kernel, directory, substation):
        self.directory = directory
        self.process = None
        (self.vmlinuz,) = glob.glob(os.path.join(kernel, "boot/vmlinuz-*"))
        (self.modules,) = glob.glob(os.path.join(kernel, "lib/modules/*"))
        self.initramfs = os.path.join(directory, "initramfs")
        self.console = os.path.join(directory, "console.log")
        self.make_initramfs(substation)

    # MARK: what the guest has

    def make_initramfs(self, substation):
        root = os.path.join(self.directory, "root")
        shutil.rmtree(root, ignore_errors=True)
        for folder in ("bin", "proc", "sys", "dev", "data", "lines", "modules"):
            os.makedirs(os.path.join(root, folder))
        shutil.copy("/bin/busybox", os.path.join(root, "bin"))
        for program in ("tallyd", "tally-sim"):
            path = os.path.join(substation.binaries, program)
            shutil.copy(path, os.path.join(root, "bin"))
            self.copy_libraries(path, root)
        shutil.copytree(substation.share, os.path.join(root, "share"))
        shutil.copy(substation.path("site.yaml"), root)
        order = []
        for name in MODULES:
            self.add_module(name, root, order)
        with open(os.path.join(root, "modules/order"), "w") as file:
            file.write("\n".join(order) + "\n")
        with open(os.path.join(root, "init"), "w") as file:
            file.write(INIT)
        os.chmod(os.path.join(root, "init"), 0o755)
        # Not compressed: the emulated processor would take seconds to unpack it.
        with open(self.initramfs, "wb") as file:
            subprocess.run(
                ["sh", "-c", "find . | cpio --quiet -o -H newc"], cwd=root, stdout=file, check=True)
        shutil.rmtree(root)

    @staticmethod
    def copy_libraries(program, root):
        """Those that the dynamic linker names, at the same places."""
        listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
        for path in re.findall(r"(/\S+) \(0x", listed):
            target = root + path
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy(path, target)

    def add_module(self, name, root, order):
        """A module after those that it depends on, which it names itself."""
        found = glob.glob(f"{self.modules}/kernel/**/{name.replace('_', '[-_]')}.ko", recursive=True)
        if not found or f"{name}.ko" in order:
            return  # built into the kernel, or there
        with open(found[0], "rb") as file:
            data = file.read()
        depends = re.search(rb"\0depends=([^\0]*)\0", data)
        for other in (depends[1].decode().split(",") if depends else []):
            if other:
                self.add_module(other.replace("-", "_"), root, order)
        shutil.copy(found[0], os.path.join(root, "modules", f"{name}.ko"))
        order.append(f"{name}.ko")

    # MARK: power

    def start(self, disk, log):
        """Boots with the disk; everything that is written to it is added to `log`, which begins empty."""
        for path in (log, self.console):
            with open(path, "wb"):
                pass
        self.process = subprocess.Popen(
            ["qemu-system-x86_64", "-machine", "pc,accel=tcg", "-cpu", "max", "-smp", "1", "-m", "512",
             "-display", "none", "-monitor", "none", "-no-reboot", "-serial", f"file:{self.console}",
             "-kernel", self.vmlinuz, "-initrd", self.initramfs,
             "-append", "console=ttyS0 quiet loglevel=4 panic=-1 rdinit=/init",
             # What QEMU has handed to the host is there after its death; only the guest's power is cut.
             "-blockdev", f"driver=file,node-name=image,filename={disk},cache.no-flush=on",
             "-blockdev", f"driver=file,node-name=log,filename={log},cache.no-flush=on",
             "-blockdev", "driver=raw,node-name=raw-image,file=image",
             "-blockdev", "driver=raw,node-name=raw-log,file=log",
             "-blockdev", "driver=blklogwrites,node-name=disk,file=raw-image,log=raw-log,log-sector-size=512",
             "-device", "virtio-blk-pci,drive=disk", "-netdev", "user,id=net",
             "-device", "virtio-net-pci,netdev=net,romfile="],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=open(f"{self.console}.qemu", "wb"),
            preexec_fn=die_with_parent)

    def cut(self):
        """Cuts the power, at once."""
        process, self.process = self.process, None
        if process:
            process.send_signal(signal.SIGKILL)
            process.wait()

    def check_running(self):
        if self.process.poll() is not None:
            with open(f"{self.console}.qemu", errors="replace") as file:
                raise Failure(f"the machine has ended by itself: {file.read()}\n{self.said()[-3000:]}")

    def said(self):
        with open(self.console, errors="replace") as file:
            return file.read()
