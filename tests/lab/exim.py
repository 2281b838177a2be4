# SPDX-License-Identifier: GPL-2.0-or-later
"""A real Exim on ports 25, 465 and 587 of a namespace: accepts every mail, delivers to nowhere. Its one account
is exim.ACCOUNT with exim.PASSWORD."""
import os
import shutil
import signal
import subprocess

import lab

ACCOUNT, PASSWORD = "user@example.test", "right"

CONFIGURATION = """\
primary_hostname = mx.test
spool_directory = {directory}/spool
log_file_path = {directory}/log/%slog
pid_file_path = {directory}/exim.pid
exim_user = {user}
exim_group = {group}
never_users =
local_interfaces = <; 0.0.0.0 ; ::0
daemon_smtp_ports = 25 : 465 : 587
tls_advertise_hosts =
# neither DNS nor ident: a connection must wait for nobody
host_lookup =
rfc1413_query_timeout = 0s
smtp_accept_max = {slots}
smtp_accept_max_per_host = 0
smtp_accept_queue_per_connection = 0
smtp_accept_reserve = 0
smtp_connect_backlog = 256
smtp_receive_timeout = 10m
log_selector = +smtp_connection +incoming_port +incoming_interface
# as cPanel has it: HELO may be any text
helo_accept_junk_hosts = *
acl_smtp_rcpt = acl_rcpt
keep_environment =

begin acl
acl_rcpt:
  accept

begin routers
all:
  driver = accept
  transport = null

begin transports
null:
  driver = appendfile
  file = /dev/null
  user = {user}

begin retry
begin rewrite
begin authenticators
dovecot_plain:
  driver = plaintext
  public_name = PLAIN
  server_condition = ${{if and {{{{eq {{$auth2}}{{{account}}}}}{{eq {{$auth3}}{{{password}}}}}}}}}
  server_set_id = $auth2
"""


def account():
    """User and group of the distribution's Exim."""
    for name in ("Debian-exim", "exim"):
        if lab.run(["getent", "passwd", name], check=False):
            return name, name
    raise RuntimeError("no Exim user: install Exim")


class Exim:
    def __init__(self, namespace, directory, slots=500):
        user, group = account()
        self.directory = directory
        for sub in ("spool", "log"):
            os.mkdir(os.path.join(directory, sub))
            shutil.chown(os.path.join(directory, sub), user, group)
        # the pid file is written after the drop of privileges
        shutil.chown(directory, user)
        path = os.path.join(directory, "exim.conf")
        with open(path, "w") as out:
            out.write(CONFIGURATION.format(directory=directory, user=user, group=group,
                                           slots=slots, account=ACCOUNT, password=PASSWORD))
        os.chmod(path, 0o644)
        self.output = open(os.path.join(directory, "out"), "w")
        # a group of its own: the children that serve connections end with it
        self.process = namespace.popen(shutil.which("exim4") or "exim", "-C", path, "-bdf",
                                       stdout=self.output, stderr=subprocess.STDOUT,
                                       start_new_session=True)
        assert lab.eventually(lambda: self.listeners(namespace) >= 6, 10), self.log()

    @staticmethod
    def listeners(namespace):
        return len(namespace.run("ss", "-Hltn",
                                 "sport = :25 or sport = :465 or sport = :587").splitlines())

    def slots_used(self):
        """Each connection that Exim serves is one child."""
        pid = self.process.pid
        with open(f"/proc/{pid}/task/{pid}/children") as children:
            return len(children.read().split())

    def main_log(self):
        return os.path.join(self.directory, "log", "mainlog")

    def log(self):
        path = self.main_log()
        text = open(path).read() if os.path.exists(path) else ""
        return text + open(self.output.name).read()

    def kill_children(self):
        """Whether there are any."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
            return True
        except ProcessLookupError:
            return False

    def close(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(10)
        # a child that is left would write into the removed directory
        lab.eventually(lambda: not self.kill_children(), 5)
        self.output.close()
