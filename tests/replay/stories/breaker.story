# more bans in a minute than can be right: held back, and made up for when the minute is over
set bans.max_per_minute 2
at 0s     ready
at 0s     flow 192.0.2.1:1001-1031 -> 198.51.100.1:587 open
expect add 192.0.2.1 1h submission 31>30 concurrent
expect ban 192.0.2.1 submission 31>30 concurrent
at 1s     flow 192.0.2.2:1001-1031 -> 198.51.100.1:587 open
expect add 192.0.2.2 1h submission 31>30 concurrent
expect ban 192.0.2.2 submission 31>30 concurrent
check breaker_open 1
at 2s     flow 192.0.2.3:1001-1031 -> 198.51.100.1:587 open
expect exempt 192.0.2.3 max_per_minute reached
at 3s     flow 192.0.2.3:1032-1040 -> 198.51.100.1:587 open
check source 192.0.2.3 submission standing over-limit
# an operator is not held back
at 4s     ban 192.0.2.4
expect add 192.0.2.4 1h operator
expect ban 192.0.2.4 operator
at 59.9s  wait
check bans_held_back 1
check bans 3
at 60.6s  wait
expect add 192.0.2.3 1h submission 40>30 concurrent
expect ban 192.0.2.3 submission 40>30 concurrent
check breaker_open 1
at 200s   wait
check breaker_open 0
