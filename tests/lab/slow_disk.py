# SPDX-License-Identifier: GPL-2.0-or-later
"""Disks in trouble, for root: the directory is put onto one, and is as before when it is over.

    with slow_disk.slow_disk(directory, 5) as disk:    # every fsync takes 5 s
        disk.set(sync=0, write=0.5)                    # now every write takes half a second
        disk.set(error="EROFS")                        # now nothing can be changed ("EIO", "ENOSPC")
        disk.heal()
    with slow_disk.read_only(directory) as disk:       # as slow_disk with error="EROFS"
        disk.heal()
    with slow_disk.full_tmpfs(directory, 1 << 20) as disk:  # empty, of that many bytes, and full
        disk.free()
        disk.fill()

A process sees the disk if it starts while the disk is there: `ip netns exec` takes a copy of the mounts.
slow_disk and read_only keep what the directory holds, and what is written stays. They are a FUSE file
system: this file, started as a program, speaks to /dev/fuse itself (linux/fuse.h, protocol 7.31) and
passes on to the directory underneath. Device-mapper's delay would be nearer to a disk; not every kernel
has it. As there, data in the page cache is not slow: fsync is.
"""
import contextlib
import ctypes
import errno
import json
import os
import stat
import struct
import subprocess
import sys
import threading
import time

MS_NOSUID, MS_NODEV = 2, 4
MNT_DETACH = 2
libc = ctypes.CDLL(None, use_errno=True)


def mount(source, target, kind, flags, options):
    if libc.mount(source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags),
                  options.encode()) < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"cannot mount {kind} on {target}: {os.strerror(number)}")


def unmount(target):
    libc.umount2(target.encode(), MNT_DETACH)


class FullDisk:
    def __init__(self, directory):
        self.directory = directory
        self.filler = os.path.join(directory, "filler")

    def fill(self):
        """Leaves no byte."""
        with open(self.filler, "ab", buffering=0) as out:
            with contextlib.suppress(OSError):
                while True:
                    out.write(bytes(4096))

    def free(self):
        os.unlink(self.filler)


@contextlib.contextmanager
def full_tmpfs(directory, size):
    """An empty tmpfs with room for size bytes, filled up. The owner and mode are the directory's."""
    before = os.stat(directory)
    mount("tmpfs", directory, "tmpfs", MS_NOSUID | MS_NODEV, f"size={size},mode=0700")
    try:
        os.chown(directory, before.st_uid, before.st_gid)
        os.chmod(directory, stat.S_IMODE(before.st_mode))
        disk = FullDisk(directory)
        disk.fill()
        yield disk
    finally:
        unmount(directory)


class SlowDisk:
    def __init__(self, directory):
        self.directory = directory
        self.server = subprocess.Popen([sys.executable, os.path.abspath(__file__), directory],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       universal_newlines=True)
        if self.server.stdout.readline() != "ready\n":
            self.close()
            raise OSError(f"cannot put {directory} onto FUSE")

    def set(self, **trouble):
        """Seconds for sync, write, read; error: the name of an errno for every change, or None."""
        self.server.stdin.write(json.dumps(trouble) + "\n")
        self.server.stdin.flush()
        assert self.server.stdout.readline() == "done\n"

    def heal(self):
        self.set(sync=0, write=0, read=0, error=None)

    def close(self):
        """What hangs in it gets an error."""
        unmount(self.directory)
        self.server.kill()
        self.server.wait()
        self.server.stdin.close()
        self.server.stdout.close()


@contextlib.contextmanager
def slow_disk(directory, seconds, **trouble):
    disk = SlowDisk(directory)
    try:
        disk.set(sync=seconds, **trouble)
        yield disk
    finally:
        disk.close()


def read_only(directory):
    return slow_disk(directory, 0, error="EROFS")


# --- the FUSE server ---

LOOKUP, FORGET, GETATTR, SETATTR, UNLINK, RENAME = 1, 2, 3, 4, 10, 12
OPEN, READ, WRITE, STATFS, RELEASE, FSYNC, FLUSH, INIT = 14, 15, 16, 17, 18, 20, 25, 26
OPENDIR, READDIR, RELEASEDIR, CREATE, INTERRUPT, BATCH_FORGET = 27, 28, 29, 35, 36, 42
CHANGES = {SETATTR, UNLINK, RENAME, WRITE, CREATE, FSYNC}
SLOW = {FSYNC: "sync", WRITE: "write", READ: "read"}
ROOT = 1
BIG_WRITES = 1 << 5
MAX_WRITE = 1 << 17
SET_MODE, SET_UID, SET_GID, SET_SIZE = 1, 2, 4, 8
ATTRIBUTES = struct.Struct("<6Q10I")


class Server:
    """One flat directory. Nothing is cached by the kernel but pages of open files."""

    def __init__(self, directory):
        self.base = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        self.fuse = os.open("/dev/fuse", os.O_RDWR)
        self.names = {ROOT: "."}
        self.next_node = ROOT + 1
        self.trouble = {"sync": 0, "write": 0, "read": 0, "error": None}
        mount("slow", directory, "fuse", MS_NOSUID | MS_NODEV,
              f"fd={self.fuse},rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions")

    def attributes(self, node, s):
        def ns(t):
            return t % 10**9
        return ATTRIBUTES.pack(node, s.st_size, s.st_blocks, int(s.st_atime), int(s.st_mtime),
                               int(s.st_ctime), ns(s.st_atime_ns), ns(s.st_mtime_ns),
                               ns(s.st_ctime_ns), s.st_mode, s.st_nlink, s.st_uid, s.st_gid,
                               s.st_rdev, s.st_blksize, 0)

    def stat(self, node):
        return os.stat(self.names[node], dir_fd=self.base, follow_symlinks=False)

    def entry(self, name):
        s = os.stat(name, dir_fd=self.base, follow_symlinks=False)
        for node, known in self.names.items():
            if known == name:
                break
        else:
            node, self.next_node = self.next_node, self.next_node + 1
            self.names[node] = name
        return struct.pack("<4Q2I", node, 0, 0, 0, 0, 0) + self.attributes(node, s)

    def forget_name(self, name):
        for node, known in list(self.names.items()):
            if known == name:
                self.names[node] = ""  # ENOENT from here on; open files have their descriptor

    def answer(self, opcode, node, uid, gid, body):
        if opcode in CHANGES and self.trouble["error"]:
            raise OSError(getattr(errno, self.trouble["error"]), "asked for")
        if opcode == INIT:
            return struct.pack("<4I2H2I2H2I24x", 7, 31, 1 << 17, BIG_WRITES, 16, 12, MAX_WRITE, 1,
                               0, 0, 0, 0)
        if opcode == LOOKUP:
            return self.entry(text(body))
        if opcode == GETATTR:
            flags, handle = struct.unpack_from("<I4xQ", body)
            found = os.fstat(handle) if flags & 1 else self.stat(node)
            return struct.pack("<Q2I", 0, 0, 0) + self.attributes(node, found)
        if opcode == SETATTR:
            return self.set_attributes(node, body)
        if opcode == OPEN:
            return self.open(node, struct.unpack_from("<I", body)[0])
        if opcode == CREATE:
            flags, mode = struct.unpack_from("<2I", body)
            name = text(body[16:])
            handle = os.open(name, flags & ~os.O_NOFOLLOW | os.O_CREAT, mode, dir_fd=self.base)
            os.fchown(handle, uid, gid)
            return self.entry(name) + struct.pack("<Q2I", handle, 0, 0)
        if opcode in (READ, READDIR):
            handle, offset, size = struct.unpack_from("<2QI", body)
            return self.list(offset, size) if opcode == READDIR else os.pread(handle, size, offset)
        if opcode == WRITE:
            handle, offset, size = struct.unpack_from("<2QI", body)
            return struct.pack("<2I", os.pwrite(handle, body[40:40 + size], offset), 0)
        if opcode == FSYNC:
            os.fsync(struct.unpack_from("<Q", body)[0])
            return b""
        if opcode == RELEASE:
            os.close(struct.unpack_from("<Q", body)[0])
            return b""
        if opcode == UNLINK:
            os.unlink(text(body), dir_fd=self.base)
            self.forget_name(text(body))
            return b""
        if opcode == RENAME:
            old, new = (os.fsdecode(part) for part in body[8:].split(b"\0")[:2])
            os.rename(old, new, src_dir_fd=self.base, dst_dir_fd=self.base)
            self.forget_name(new)
            for number, known in self.names.items():
                if known == old:
                    self.names[number] = new
            return b""
        if opcode == STATFS:
            s = os.fstatvfs(self.base)
            return struct.pack("<5Q4I24x", s.f_blocks, s.f_bfree, s.f_bavail, s.f_files, s.f_ffree,
                               s.f_bsize, s.f_namemax, s.f_frsize, 0)
        if opcode == OPENDIR:
            return struct.pack("<Q2I", 0, 0, 0)
        if opcode in (FLUSH, RELEASEDIR):
            return b""
        raise OSError(errno.ENOSYS, "not served")

    def open(self, node, flags):
        if self.trouble["error"] == "EROFS" and flags & os.O_ACCMODE != os.O_RDONLY:
            raise OSError(errno.EROFS, "asked for")
        handle = os.open(self.names[node], flags & (os.O_ACCMODE | os.O_TRUNC), dir_fd=self.base)
        return struct.pack("<Q2I", handle, 0, 0)

    def set_attributes(self, node, body):
        valid, size = struct.unpack_from("<I12xQ", body)
        mode, uid, gid = struct.unpack_from("<I4x2I", body, 68)
        name = self.names[node]
        if valid & SET_MODE:
            os.chmod(name, stat.S_IMODE(mode), dir_fd=self.base)
        if valid & (SET_UID | SET_GID):
            os.chown(name, uid if valid & SET_UID else -1, gid if valid & SET_GID else -1,
                     dir_fd=self.base)
        if valid & SET_SIZE:
            handle = os.open(name, os.O_WRONLY, dir_fd=self.base)
            os.ftruncate(handle, size)
            os.close(handle)
        return struct.pack("<Q2I", 0, 0, 0) + self.attributes(node, self.stat(node))

    def list(self, offset, size):
        names, out = [".", ".."] + sorted(os.listdir(self.base)), b""
        for at in range(offset, len(names)):
            raw = os.fsencode(names[at])
            item = struct.pack("<2Q2I", at + 2, at + 1, len(raw), 0) + raw
            item += bytes(-len(item) % 8)
            if len(out) + len(item) > size:
                break
            out += item
        return out

    def reply(self, unique, request):
        error, out = 0, b""
        try:
            out = self.answer(*request)
        except OSError as problem:
            error = -problem.errno
        # a request that was given up has nobody who waits for it
        with contextlib.suppress(OSError):
            os.write(self.fuse, struct.pack("<IiQ", 16 + len(out), error, unique) + out)

    def reply_later(self, unique, request, seconds):
        time.sleep(seconds)
        self.reply(unique, request)

    def serve(self):
        while True:
            try:
                raw = os.read(self.fuse, MAX_WRITE + 4096)
            except OSError as problem:
                if problem.errno in (errno.EINTR, errno.ENOENT, errno.EAGAIN):
                    continue
                return
            _, opcode, unique, node, uid, gid = struct.unpack_from("<2I2Q2I", raw)
            if opcode in (FORGET, BATCH_FORGET, INTERRUPT):
                continue
            request = (opcode, node, uid, gid, raw[40:])
            seconds = self.trouble.get(SLOW.get(opcode), 0)
            if seconds:
                threading.Thread(target=self.reply_later, args=(unique, request, seconds),
                                 daemon=True).start()
            else:
                self.reply(unique, request)


def text(body):
    return os.fsdecode(body.split(b"\0", 1)[0])


def main(directory):
    os.umask(0)
    server = Server(directory)
    threading.Thread(target=server.serve, daemon=True).start()
    print("ready", flush=True)
    for line in sys.stdin:
        server.trouble.update(json.loads(line))
        print("done", flush=True)
    unmount(directory)


if __name__ == "__main__":
    main(sys.argv[1])
