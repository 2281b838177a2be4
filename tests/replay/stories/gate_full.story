# bounds: what does not fit passes, and nothing is remembered of it
set smtp.reverse_dns require
set gate.max_held 3
set resolver.max_in_flight 2
at 0s     ready
at 1s     packet 1 192.0.2.1
expect resolve 192.0.2.1
at 1.1s   packet 2 192.0.2.2
expect resolve 192.0.2.2
# too many questions under way
at 1.2s   packet 3 192.0.2.3
expect accept 3
check gated 192.0.2.3 unknown
at 1.3s   packet 4 192.0.2.1
# too many packets
at 1.4s   packet 5 192.0.2.1
expect accept 5
at 1.4s   packet 6 192.0.2.4
expect accept 6
check gate accepted_full 3 held 3 joined 2
at 1.5s   answer 192.0.2.1 none
expect gate-add refused 192.0.2.1 10m smtp reverse_dns; no PTR
expect repeat 1
expect repeat 4
expect refuse 192.0.2.1 smtp reverse_dns; no PTR
at 1.6s   packet 7 192.0.2.3
expect resolve 192.0.2.3
# the queue is closed in good order
at 1.7s   gate-release
expect accept 2
expect accept 7
at 1.8s   packet 8 192.0.2.3
check gate held 1
# or is gone
at 1.9s   gate-closed
check gate held 0 packets 8
check gated 192.0.2.1 refused
check gated 192.0.2.3 unknown
