# observing follows the service's own test; without the table everything is observed
set smtp.reverse_dns require
set smtp.reverse_dns_test ptr
set submission.reverse_dns require
at 0s     ready
at 0s     unenforceable
at 1s     flow 192.0.2.9:1001 open
expect resolve 192.0.2.9
at 1.01s  answer 192.0.2.9 mismatch host.example.org
at 2s     flow 192.0.2.9:1002 -> 198.51.100.1:587 open
expect observe 192.0.2.9 submission reverse_dns; PTR does not resolve back because no table
at 2s     packet 1 192.0.2.9 587
expect accept 1
at 3s     enforceable
at 4s     packet 2 192.0.2.9 587
expect gate-add refused 192.0.2.9 10m submission reverse_dns; PTR does not resolve back
expect gate-add passed 192.0.2.9 10m
expect repeat 2
expect refuse 192.0.2.9 submission reverse_dns; PTR does not resolve back
# a connection whose events were missed counts when a dump finds it
at 5s     unenforceable
at 5s     dump begin
at 5s     dump 192.0.2.20:1001 established
expect resolve 192.0.2.20
at 5s     dump end
