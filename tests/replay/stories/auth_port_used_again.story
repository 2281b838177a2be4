# an address and port is somebody's for ten minutes after the connection; forged packets make it nobody's
set mail_logs.enabled on
set mail_logs.auth_failures 2/1h
at 0s      ready
at 0s      flow 192.0.2.9:1001 -> 198.51.100.1:587 pass
at 599s    mail auth-failure 192.0.2.9:1001
at 600s    mail auth-failure 192.0.2.9:1001 count 50
expect result untracked
at 601s    flow 192.0.2.8:1001 -> 198.51.100.1:587 syn
at 601s    flow 192.0.2.7:1001 -> 198.51.100.1:587 picked-up
at 602s    mail auth-failure 192.0.2.8:1001 count 50
expect result untracked
at 602s    mail auth-failure 192.0.2.7:1001 count 50
expect result untracked
at 603s    mail auth-failure 192.0.2.8:0 count 50
expect result untracked
# of Dovecot's lines without port only those count whose own ports are guarded
at 604s    flow 192.0.2.6:1001 -> 198.51.100.1:587 open
at 604s    mail auth-failure imap 192.0.2.6:0 count 50
expect result untracked
at 605s    mail auth-failure smtp 192.0.2.6:0 count 2
expect add 192.0.2.6 1h submission 2/2 auth-failures/3600s; user@example.com
expect ban 192.0.2.6 submission 2/2 auth-failures/3600s; user@example.com
check mail sources 2
