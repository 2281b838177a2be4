# a network blocked by hand: its sources count as banned, none of them is banned by itself
show close record list
at 0s    ready
at 0s    flow 192.0.2.9:1001-1005 -> 198.51.100.1:587 open
at 1s    ban 192.0.2.0/24 10m "rented for spam"
expect list blocked
expect ban 192.0.2.0/24 operator: rented for spam
expect record listed blocked 192.0.2.0/24 10m
expect close 192.0.2.0/24
check source 192.0.2.9 submission standing banned
at 2s    flow 192.0.2.9:1006-1050 -> 198.51.100.1:587 open
check source 192.0.2.9 submission concurrent 50 standing banned
check bans 0
at 3s    unban 192.0.2.9
expect result covered 192.0.2.0/24
at 3s    ban 192.0.2.128/25 20m
expect result covered 192.0.2.0/24
# a wider one takes it in
at 4s    ban 192.0.0.0/16 10m
expect list blocked
expect unban 192.0.2.0/24 part of a wider one
expect record listed-end blocked 192.0.2.0/24 replaced
expect list blocked
expect ban 192.0.0.0/16 operator
expect record listed blocked 192.0.0.0/16 10m
expect close 192.0.0.0/16
at 5s    ban 192.0.0.0/15 5m
expect result overlaps 192.0.0.0/16
at 603s  wait
check source 192.0.2.9 submission standing banned
at 604s  wait
expect list blocked
expect expire 192.0.0.0/16
expect record listed-end blocked 192.0.0.0/16 expired
check source 192.0.2.9 submission standing normal
# judged by its next connection
at 605s  flow 192.0.2.9:1051 -> 198.51.100.1:587 open
expect add 192.0.2.9 1h submission 51>30 concurrent
expect close 192.0.2.9
expect ban 192.0.2.9 submission 51>30 concurrent
expect record ban 192.0.2.9 1h
at 606s  ban 203.0.113.128/25
expect list blocked
expect ban 203.0.113.128/25 operator
expect record listed blocked 203.0.113.128/25 1h
expect close 203.0.113.128/25
at 607s  flush
expect delete 192.0.2.9
expect unban 192.0.2.9 flush
expect record ban-end 192.0.2.9 lifted
expect list blocked
expect unban 203.0.113.128/25 flush
expect record listed-end blocked 203.0.113.128/25 lifted
expect result lifted 2
