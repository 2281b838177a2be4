# new settings: who waits is let in; judgements stay while their service is gated
set smtp.reverse_dns require
set submission.reverse_dns require
at 0s     ready
at 1s     packet 1 192.0.2.9
expect resolve 192.0.2.9
at 1.1s   answer 192.0.2.9 none
expect gate-add refused 192.0.2.9 10m smtp reverse_dns; no PTR
expect repeat 1
expect refuse 192.0.2.9 smtp reverse_dns; no PTR
at 2s     packet 2 192.0.2.10 587
expect resolve 192.0.2.10
at 2.1s   answer 192.0.2.10 mismatch host.example.org
expect gate-add refused 192.0.2.10 10m submission reverse_dns; PTR does not resolve back
expect repeat 2
expect refuse 192.0.2.10 submission reverse_dns; PTR does not resolve back
at 3s     packet 3 192.0.2.11
expect resolve 192.0.2.11
# smtp is content with any PTR from now on
set smtp.reverse_dns_test ptr
at 3.1s   reload
expect accept 3
expect gate-add passed 192.0.2.10 599s
check gated 192.0.2.9 refused
check gated 192.0.2.11 unknown
at 3.2s   packet 4 192.0.2.10
expect accept 4
# the answer to a question from before
at 3.3s   answer 192.0.2.11 none
at 3.4s   packet 5 192.0.2.11
expect gate-add refused 192.0.2.11 10m smtp reverse_dns; no PTR
expect repeat 5
expect refuse 192.0.2.11 smtp reverse_dns; no PTR
# smtp goes, submission takes its place in the list
service smtp gone
at 4s     reload
expect gate-delete refused 192.0.2.9
expect gate-delete passed 192.0.2.10
expect gate-delete refused 192.0.2.11
check gated 192.0.2.10 refused
at 5s     packet 6 192.0.2.10 587
expect drop 6
at 5s     packet 7 192.0.2.10 25
expect accept 7
set submission.reverse_dns exempt
at 6s     reload
expect gate-delete refused 192.0.2.10
at 7s     packet 8 192.0.2.10 587
expect accept 8
