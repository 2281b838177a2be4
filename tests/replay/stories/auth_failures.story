# the 20th wrong password within an hour bans, whatever the account; the 19th does not
set mail_logs.enabled on
at 0s      ready
at 0s      flow 192.0.2.9:1001-1019 -> 198.51.100.1:587 pass every 60s
at +1s     mail auth-failure 192.0.2.9:1011-1018 account sales@example.com
at +1s     mail auth-failure 192.0.2.9:1011-1018 account info@example.com
at +1s     mail auth-failure 192.0.2.9:1019 account user@example.com count 3
check auth 192.0.2.9 failures_in_window 19 accounts 3
check bans 0
at +1s     flow 192.0.2.9:1020 -> 198.51.100.1:587 open
at +1s     mail auth-failure 192.0.2.9:1020 account user@example.com
expect add 192.0.2.9 1h submission 20/20 auth-failures/3600s; user@example.com and 2 more
expect ban 192.0.2.9 submission 20/20 auth-failures/3600s; user@example.com and 2 more
check source 192.0.2.9 submission standing banned
# lines that come after the ban are about what it is banned for
at +1s     mail auth-failure 192.0.2.9:1018-1020
check auth 192.0.2.9 failures_in_window 0 failures 23
at +1s     flow 192.0.2.9:1020 -> 198.51.100.1:587 closed
at +2h     wait
expect expire 192.0.2.9
# the window starts anew, the ladder does not
at +1s     flow 192.0.2.9:1101 -> 198.51.100.1:465 open
at +1s     mail auth-failure 192.0.2.9:1101 count 19
at +1s     mail auth-failure 192.0.2.9:1101
expect add 192.0.2.9 2h submission 20/20 auth-failures/3600s; user@example.com and 2 more
expect ban 192.0.2.9 submission 20/20 auth-failures/3600s; user@example.com and 2 more earlier 1
