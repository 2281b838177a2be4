# the eleventh connection of a source without PTR
set smtp.concurrent 10
set smtp.new off
at 0s      ready
at 0s      flow 192.0.2.9:1001-1011 syn
check source 192.0.2.9 smtp concurrent 0 half_open 11
at 0.001s  flow 192.0.2.9:1001-1011 established
expect resolve 192.0.2.9
check source 192.0.2.9 smtp concurrent 11 half_open 0 peak 11 standing resolving
at 0.02s   answer 192.0.2.9 none
expect add 192.0.2.9 1h smtp 11>10 concurrent; no PTR
expect ban 192.0.2.9 smtp 11>10 concurrent; no PTR
check source 192.0.2.9 smtp concurrent 11 standing banned
check bans 1
at 0.03s   element 192.0.2.9 enforced
# no second ban for what comes meanwhile
at 0.04s   flow 192.0.2.9:1012 open
at 0.05s   flow 192.0.2.9:1001-1012 closed
check source 192.0.2.9 smtp concurrent 0 standing banned
check established 0
