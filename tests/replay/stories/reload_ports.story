# ports go from one service to another, a service appears and one goes
set smtp.reverse_dns ignore
at 0s   ready
at 0s   flow 192.0.2.9:1001-1004 open
at 0s   flow 192.0.2.9:1005-1008 -> 198.51.100.1:465 open
at 0s   flow 192.0.2.9:1009-1010 -> 198.51.100.1:587 open
service smtp 25 587
service clients 465 2525
service submission gone
at 1s   reload
check source 192.0.2.9 smtp concurrent 6 new 4
check source 192.0.2.9 clients concurrent 4 new 0
check established 10
at 2s   flow 192.0.2.9:1009-1010 -> 198.51.100.1:587 closed
check source 192.0.2.9 smtp concurrent 4
# what was connected to a new port before anybody looked is counted, but is neither new nor drift
at 3s   dump begin
at 3s   dump 192.0.2.9:1001-1004 established
at 3s   dump 192.0.2.9:1005-1008 -> 198.51.100.1:465 established
at 3s   dump 192.0.2.9:1011-1016 -> 198.51.100.1:2525 established
at 3s   dump end
check source 192.0.2.9 clients concurrent 10 new 0 standing normal
check drift_added 0
at 4s   flow 192.0.2.9:1017 -> 198.51.100.1:2525 open
expect add 192.0.2.9 1h clients 11>10 concurrent
expect ban 192.0.2.9 clients 11>10 concurrent
check source 192.0.2.9 smtp standing banned
service clients gone
at 5s   reload
check established 4
check source 192.0.2.9 smtp concurrent 4 standing banned
