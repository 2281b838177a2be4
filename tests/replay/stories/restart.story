# what an earlier run left: the ledger's bans with its times, then what the kernel has beside them
show record
at 0s   local 198.51.100.1 added
at 0s   restore ban 192.0.2.1 2h 10m "smtp 23>10 concurrent; no PTR" 1
at 0s   restore ban 192.0.2.2 2h 0s "smtp 23>10 concurrent; no PTR"
at 0s   restore ban 198.51.100.1 2h 1h "operator"
expect result never-listed
at 0s   restore past 192.0.2.1 2 2h
at 0s   restore past 192.0.2.2 1 3h
at 0s   restore grace 192.0.2.3 10m
at 0s   restore blocked 203.0.113.0/24 5m
at 0s   restore allowed 192.0.2.77 never
# somebody loaded an old copy of the table: its times are not believed
at 0s   adopt 192.0.2.1 1h 59m "smtp 11>10 concurrent"
at 0s   adopt 192.0.2.4 1h 20m "smtp 11>10 concurrent"
at 0s   adopt 192.0.2.77 1h 20m "smtp 11>10 concurrent"
expect result never-listed
at 0s   dump begin
at 0s   dump end
check bans 2
check graces 1
check trusted 1
at 5m   wait
expect expire 203.0.113.0/24
expect record listed-end blocked 203.0.113.0/24 expired
at 10m  wait
expect expire 192.0.2.1
expect record ban-end 192.0.2.1 expired
at 11m  flow 192.0.2.1:1001-1031 -> 198.51.100.1:587 open
expect add 192.0.2.1 4h submission 31>30 concurrent
expect ban 192.0.2.1 submission 31>30 concurrent earlier 2
expect record ban 192.0.2.1 4h
at 11m  flow 192.0.2.2:1001-1031 -> 198.51.100.1:587 open
expect add 192.0.2.2 2h submission 31>30 concurrent
expect ban 192.0.2.2 submission 31>30 concurrent earlier 1
expect record ban 192.0.2.2 2h
at 20m  wait
expect expire 192.0.2.4
expect record ban-end 192.0.2.4 expired
