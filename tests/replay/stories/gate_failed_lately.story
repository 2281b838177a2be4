# a name that failed a moment ago for another reason: nobody waits, and it is asked for when that is due
set smtp.reverse_dns require
set smtp.new off
set smtp.concurrent 2
at 0s     ready
at 1s     flow 192.0.2.9:1001-1003 open
expect resolve 192.0.2.9
at 1.1s   answer 192.0.2.9 failed unhealthy
at 2.1s   packet 1 192.0.2.9
expect gate-add passed 192.0.2.9 4s
expect repeat 1
at 2.5s   packet 2 192.0.2.9
expect accept 2
at 2.6s   flow 192.0.2.9:1001-1003 closed
at 6.1s   packet 3 192.0.2.9
expect resolve 192.0.2.9
at 6.2s   answer 192.0.2.9 none
expect gate-add refused 192.0.2.9 10m smtp reverse_dns; no PTR
expect repeat 3
expect refuse 192.0.2.9 smtp reverse_dns; no PTR
