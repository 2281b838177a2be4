# our resolver does not answer its own test either: failures are no fact about the source
set smtp.new off
at 0s     ready
at 0s     flow 192.0.2.9:1001-1011 open
expect resolve 192.0.2.9
at 2s     answer 192.0.2.9 failed unhealthy
expect exempt 192.0.2.9 reverse DNS unknown
at 8s     wait
expect resolve 192.0.2.9
at 9s     answer 192.0.2.9 failed unhealthy
at 15s    wait
expect resolve 192.0.2.9
at 16s    answer 192.0.2.9 failed unhealthy
at 22s    wait
expect resolve 192.0.2.9
at 23s    answer 192.0.2.9 failed unhealthy
check source 192.0.2.9 smtp standing resolving
check bans 0
# and when it comes back, the decision is made
at 29s    wait
expect resolve 192.0.2.9
at 29.1s  answer 192.0.2.9 none
expect add 192.0.2.9 1h smtp 11>10 concurrent; no PTR
expect ban 192.0.2.9 smtp 11>10 concurrent; no PTR
