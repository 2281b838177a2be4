# SPDX-License-Identifier: GPL-2.0-or-later
"""A mail host with smtpguard in its usual places, and clients with documentation addresses.

It has a mount namespace of its own, in which /etc is a copy, and /run, /opt, /var/lib and
/var/spool/cron are empty; `meson install` has put smtpguard there. The programs are found by PATH,
outside of /usr. The daemon runs as its unit says: as the user smtpguard, with CAP_NET_ADMIN and
nothing else.

Needs a machine that something accepts mail connections on (lab.Lab with hold_everything()).
"""
import os
import subprocess

import lab

CLIENTS = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")
CLIENTS6 = "2001:db8::/32"
# cPanel's own values
EXIM = """\
smtp_accept_max = 100
smtp_accept_queue_per_connection = 30
smtp_connect_backlog = 50
daemon_smtp_ports = 25 : 465 : 587
tls_on_connect_ports = 465
begin acl
"""
ENTER = """\
set -e
mkdir {directory}/etc
mount -t tmpfs tmpfs {directory}/etc
cp -a /etc/. {directory}/etc
rm -rf {directory}/etc/cron.d/* {directory}/etc/exim* {directory}/etc/smtpguard {directory}/etc/csf
cp -a {root}/etc/smtpguard {directory}/etc
mount --bind {directory}/etc /etc
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/lib
mkdir -p /var/spool/cron
mount -t tmpfs tmpfs /var/spool/cron
mount -t tmpfs tmpfs /opt
rm -f /etc/resolv.conf
echo 'nameserver 127.0.0.1' >/etc/resolv.conf
systemd-sysusers {root}/usr/lib/sysusers.d/smtpguard.conf
echo entered
exec sleep infinity
"""
AS_SERVICE = ["setpriv", "--reuid", "smtpguard", "--regid", "smtpguard", "--clear-groups",
              "--bounding-set", "-all,+net_admin", "--inh-caps", "-all,+net_admin",
              "--ambient-caps", "-all,+net_admin", "--no-new-privs"]


class Host:
    def __init__(self, machine):
        self.machine = machine
        self.directory = machine.mkdir("installed")
        self.root = os.path.join(self.directory, "root")
        self.log_path = os.path.join(self.directory, "log")
        self.daemon = self.holder = None
        lab.run(["env", f"DESTDIR={self.root}", "meson", "install", "-C", lab.BUILD, "--no-rebuild",
                 "--quiet"])
        for network in CLIENTS:
            machine.client.ip(f"route replace local {network} dev lo\n")
            machine.server.ip(f"route replace {network} via {lab.CLIENT4}\n")
        machine.client.ip(f"route replace local {CLIENTS6} dev lo\n")
        machine.server.ip(f"route replace {CLIENTS6} via {lab.CLIENT6}\n")
        self.holder = machine.server.popen(
            "unshare", "--mount", "sh", "-c",
            ENTER.format(directory=self.directory, root=self.root), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, universal_newlines=True)
        assert "entered\n" in iter(self.holder.stdout.readline, ""), "cannot enter a mount namespace"
        self.write("/etc/exim.conf", EXIM)
        self.loads, self.groups = lab.Load(machine.client), {}

    # --- what is done there ---

    def command(self, *argv):
        """With the programs that were installed, and as in a terminal whose output is kept."""
        path = f"{self.root}/usr/sbin:{os.environ['PATH']}:/usr/sbin:/sbin"
        resolver = f"{self.root}/usr/libexec/smtpguard/smtpguard-resolver"
        return ["nsenter", "--target", str(self.holder.pid), "--mount", "--net", "env", f"PATH={path}",
                f"SMTPGUARD_RESOLVER={resolver}", "LC_ALL=C.UTF-8", "TZ=UTC0", *argv]

    def run(self, line):
        """A line as it is typed: (exit status, what it printed)."""
        done = subprocess.run(self.command("bash", "-c", line), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd="/",
                              universal_newlines=True, timeout=60 * lab.SLOWNESS)
        return done.returncode, done.stdout

    def write(self, path, text):
        subprocess.run(self.command("sh", "-c", 'mkdir -p "$(dirname "$1")" && cat >"$1"', "sh", path),
                       input=text, check=True, universal_newlines=True)

    def copy(self, folder):
        """What is in a folder of the outside goes into / here."""
        packed = subprocess.run(["tar", "-C", folder, "-c", "."], stdout=subprocess.PIPE, check=True)
        subprocess.run(self.command("tar", "-C", "/", "--no-overwrite-dir", "-x"), input=packed.stdout,
                       check=True)

    # --- systemctl ---

    def start(self):
        assert self.daemon is None
        self.run("install -d -m 0750 -o smtpguard -g smtpguard /run/smtpguard /var/lib/smtpguard")
        with open(self.log_path, "a") as log:
            self.daemon = subprocess.Popen(
                self.command(*AS_SERVICE, "smtpguardd", "-c", "/etc/smtpguard/smtpguard.conf"),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/")
        assert lab.eventually(lambda: self.daemon.poll() is not None or
                              self.run("smtpguard mode")[0] == 0, 10, 0.1), self.log()
        assert self.daemon.poll() is None, self.log()

    def stop(self):
        if self.daemon is None:
            return
        self.daemon.terminate()
        status = self.daemon.wait(10 * lab.SLOWNESS)
        self.daemon = None
        assert status == 0, self.log()

    def restart(self):
        self.stop()
        self.start()

    def log(self):
        with open(self.log_path) as log:
            return log.read()

    # --- its clients ---

    def opens(self, source, count, port=25, sources=1):
        """Connections that are held; some may be refused."""
        group = self.loads.open(source, count, sources=sources, port=port, wait=False,
                                to=lab.SERVER6 if ":" in source else lab.SERVER4)
        self.groups.setdefault(source, []).append(group)
        group.reaches("settled", count * sources, 2)
        return group

    def closes(self, source):
        for group in self.groups.pop(source, []):
            group.close()

    def close(self):
        try:
            self.stop()
        finally:
            if self.holder is not None:
                self.loads.close()
                self.holder.terminate()
                self.holder.wait()
                self.holder.stdout.close()
            self.machine.server.run("nft", "delete", "table", "inet", "smtpguard", check=False)
