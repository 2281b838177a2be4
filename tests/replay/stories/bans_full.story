# no room for one more: said once, the ceiling holds
set bans.max_bans 1
at 0s  ready
at 0s  flow 192.0.2.1:1001-1031 -> 198.51.100.1:587 open
expect add 192.0.2.1 1h submission 31>30 concurrent
expect ban 192.0.2.1 submission 31>30 concurrent
at 1s  flow 192.0.2.2:1001-1031 -> 198.51.100.1:587 open
expect exempt 192.0.2.2 max_bans reached
at 2s  flow 192.0.2.2:1032-1040 -> 198.51.100.1:587 open
check source 192.0.2.2 submission concurrent 40 standing over-limit
check bans 1
