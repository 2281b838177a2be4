# an answer that settles nothing lets in at once
set smtp.reverse_dns require
set resolver.failure_ttl 4s
at 0s     ready
at 1s     packet 1 192.0.2.9
expect resolve 192.0.2.9
at 1.1s   answer 192.0.2.9 failed unhealthy
expect gate-add passed 192.0.2.9 4s
expect repeat 1
at 2s     packet 2 192.0.2.9
expect accept 2
# a later question fails; who comes meanwhile waits for no retry
set resolver.failure_ttl 4s
at 6s     packet 3 192.0.2.9
expect resolve 192.0.2.9
at 6.1s   answer 192.0.2.9 failed unhealthy
expect gate-add passed 192.0.2.9 4s
expect repeat 3
at 7s     reload
# the worker goes away
at 20s    packet 4 192.0.2.9
expect resolve 192.0.2.9
at 20s    packet 5 192.0.2.10
expect resolve 192.0.2.10
at 20.1s  resolver-gone
at 20.1s  wait
expect gate-add passed 192.0.2.9 4s
expect repeat 4
expect gate-add passed 192.0.2.10 4s
expect repeat 5
check gate timed_out 0 accepted_unknown 5
