# no answer: everybody gets in after hold, and is not held again for failure_ttl
set smtp.reverse_dns require
at 0s     ready
at 1s     packet 1 192.0.2.9
expect resolve 192.0.2.9
at 1.3s   packet 2 192.0.2.9
at 1.5s   packet 3 192.0.2.10
expect resolve 192.0.2.10
at 1.999s wait
check gate held 3
at 2s     wait
expect gate-add passed 192.0.2.9 30s
expect repeat 1
expect repeat 2
check gate held 1 timed_out 1 accepted_unknown 2
check gated 192.0.2.9 passed
at 2.5s   wait
expect gate-add passed 192.0.2.10 30s
expect repeat 3
at 3s     packet 4 192.0.2.9
expect accept 4
check gate accepted_unknown 4 timed_out 2
# the question ends unanswered after three deadlines; then it may be asked again
at 32s    packet 5 192.0.2.9
expect resolve 192.0.2.9
check gate held 1
at 33s    wait
expect gate-add passed 192.0.2.9 30s
expect repeat 5
check gate refused 0 held 0
