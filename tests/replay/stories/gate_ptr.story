# smtp is content with any PTR, submission is not
set smtp.reverse_dns require
set smtp.reverse_dns_test ptr
set submission.reverse_dns require
at 0s     ready
at 1s     packet 1 192.0.2.9
expect resolve 192.0.2.9
at 1s     packet 2 192.0.2.9 587
at 1.01s  answer 192.0.2.9 mismatch host.example.org
expect gate-add refused 192.0.2.9 10m submission reverse_dns; PTR does not resolve back
expect gate-add passed 192.0.2.9 10m
expect repeat 1
expect repeat 2
expect refuse 192.0.2.9 submission reverse_dns; PTR does not resolve back
at 2s     packet 3 192.0.2.9
expect accept 3
at 2s     packet 4 192.0.2.9 465
expect drop 4
check gate accepted_ptr 2 refused 1 dropped 1
# no PTR at all
at 3s     packet 5 192.0.2.10
expect resolve 192.0.2.10
at 3.01s  answer 192.0.2.10 none
expect gate-add refused 192.0.2.10 10m smtp reverse_dns; no PTR
expect repeat 5
expect refuse 192.0.2.10 smtp reverse_dns; no PTR
at 3.1s   packet 6 192.0.2.10
expect drop 6
