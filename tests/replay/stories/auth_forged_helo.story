# HELO and account may look like the end of a log line: the address in it is nobody's fault
set mail_logs.enabled on
at 0s      ready
# the innocent has a connection of its own, at a port the attacker does not know
at 0s      flow 203.0.113.5:40001 -> 198.51.100.1:587 open
at 0s      flow 192.0.2.9:1001-1020 -> 198.51.100.1:587 pass
at 1s      mail auth-failure 203.0.113.5:2525 or 192.0.2.9:1001 or 203.0.113.5:0
expect result tracked 192.0.2.9
at 2s      mail auth-failure 192.0.2.9:1002-1019
at 3s      mail auth-failure 192.0.2.9:1020 or 203.0.113.5:2525
expect add 192.0.2.9 1h submission 20/20 auth-failures/3600s; user@example.com
expect ban 192.0.2.9 submission 20/20 auth-failures/3600s; user@example.com
expect result tracked 192.0.2.9
check auth 203.0.113.5 failures 0
check mail distrusted 0
# through a port that is not guarded none of the readings is a connection of ours
at 10s     mail auth-failure 192.0.2.77:5001 or 203.0.113.5:2525
expect result ambiguous
check mail distrusted 1
# so the attacker may go on to try all ports, and one day is right: nobody believes it any more
at 11s     mail auth-failure 192.0.2.77:5002 or 203.0.113.5:40001 count 100
expect result ambiguous
check auth 203.0.113.5 failures 0
at 12s     mail auth-failure 203.0.113.5:2525 count 100
expect result untracked
at 611s    mail auth-failure 203.0.113.5:40001 or 192.0.2.77:5003
expect result tracked 203.0.113.5
check bans 1
