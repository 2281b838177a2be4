# an answer that came too late for the first packet counts from then on
set smtp.reverse_dns require
set resolver.failure_ttl 10s
show trust
at 0s     ready
at 1s     packet 1 192.0.2.9
expect resolve 192.0.2.9
at 1s     packet 2 192.0.2.10
expect resolve 192.0.2.10
at 1s     packet 3 192.0.2.11
expect resolve 192.0.2.11
at 2s     wait
expect gate-add passed 192.0.2.9 10s
expect repeat 1
expect gate-add passed 192.0.2.10 10s
expect repeat 2
expect gate-add passed 192.0.2.11 10s
expect repeat 3
at 3s     answer 192.0.2.9 none
expect gate-add refused 192.0.2.9 10m smtp reverse_dns; no PTR
expect gate-delete passed 192.0.2.9
expect refuse 192.0.2.9 smtp reverse_dns; no PTR
at 3s     answer 192.0.2.10 verified
expect trust 192.0.2.10 1h
expect gate-delete passed 192.0.2.10
at 3s     answer 192.0.2.11 failed
check gated 192.0.2.11 passed
at 4s     packet 4 192.0.2.9
expect drop 4
at 4s     packet 5 192.0.2.10
expect accept 5
at 4s     packet 6 192.0.2.11
expect accept 6
