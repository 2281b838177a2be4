# no room for one more: said once, the ceiling holds; a worse offender takes the place of a lesser one
show close record
set bans.max_bans 1
at 0s  ready
at 0s  flow 192.0.2.1:1001-1031 -> 198.51.100.1:587 open
expect add 192.0.2.1 1h submission 31>30 concurrent
expect close 192.0.2.1
expect ban 192.0.2.1 submission 31>30 concurrent
expect record ban 192.0.2.1 1h
at 1s  flow 192.0.2.2:1001-1031 -> 198.51.100.1:587 open
expect exempt 192.0.2.2 max_bans reached
at 2s  flow 192.0.2.2:1032-1035 -> 198.51.100.1:587 open
check source 192.0.2.2 submission concurrent 35 standing over-limit
check bans 1
check bans_full 1
at 3s  flow 192.0.2.2:1036 -> 198.51.100.1:587 open
expect delete 192.0.2.1
expect unban 192.0.2.1 made room for a worse offender
expect record ban-end 192.0.2.1 replaced
expect add 192.0.2.2 1h submission 36>30 concurrent
expect close 192.0.2.2
expect ban 192.0.2.2 submission 36>30 concurrent
expect record ban 192.0.2.2 1h
check bans 1
check bans_replaced 1
# that was no offence: its next ban is a first one
at 4s  flow 192.0.2.1:1032-1043 -> 198.51.100.1:587 open
expect exempt 192.0.2.1 max_bans reached
expect delete 192.0.2.2
expect unban 192.0.2.2 made room for a worse offender
expect record ban-end 192.0.2.2 replaced
expect add 192.0.2.1 1h submission 43>30 concurrent
expect close 192.0.2.1
expect ban 192.0.2.1 submission 43>30 concurrent
expect record ban 192.0.2.1 1h
