# observed, on the allow list, just unbanned: told once; and a reload that makes it real
set mail_logs.enabled on
set submission.mode observe
allow 203.0.113.0/24
at 0s      ready
at 0s      flow 203.0.113.5:1001 -> 198.51.100.1:587 open
at 1s      mail auth-failure 203.0.113.5:1001 count 40
expect exempt 203.0.113.5 allow list
at 2s      mail auth-failure 203.0.113.5:1001 count 40
at 3s      flow 192.0.2.9:1001 -> 198.51.100.1:587 open
at 3s      mail auth-failure 192.0.2.9:1001 count 20
expect observe 192.0.2.9 submission 20/20 auth-failures/3600s; user@example.com
at 4s      mail auth-failure 192.0.2.9:1001
check bans 0
at 5s      unenforceable
set submission.mode enforce
at 6s      reload
at 7s      mail auth-failure 192.0.2.9:1001
at 8s      enforceable
at 9s      mail auth-failure 192.0.2.9:1001
expect add 192.0.2.9 1h submission 23/20 auth-failures/3600s; user@example.com
expect ban 192.0.2.9 submission 23/20 auth-failures/3600s; user@example.com
at 10s     unban 192.0.2.9
expect delete 192.0.2.9
expect unban 192.0.2.9
check auth 192.0.2.9 failures_in_window 0
at 11s     mail auth-failure 192.0.2.9:1001 count 19
at 12s     mail auth-failure 192.0.2.9:1001
expect exempt 192.0.2.9 unbanned by an operator
at 3609s   mail auth-failure 192.0.2.9:1001
at 3610s   mail auth-failure 192.0.2.9:1001
expect add 192.0.2.9 1h submission 22/20 auth-failures/3600s; user@example.com
expect ban 192.0.2.9 submission 22/20 auth-failures/3600s; user@example.com
