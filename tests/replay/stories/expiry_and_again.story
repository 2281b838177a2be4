# the ban ends by itself; who comes again is banned again, and the earlier ban is known
set smtp.new off
set bans.duration 10m
set resolver.negative_ttl 1h
at 0s      ready
at 0s      flow 192.0.2.9:1001-1011 open
expect resolve 192.0.2.9
at 1s      answer 192.0.2.9 none
expect add 192.0.2.9 10m smtp 11>10 concurrent; no PTR
expect ban 192.0.2.9 smtp 11>10 concurrent; no PTR
at 2s      flow 192.0.2.9:1001-1011 closed
at 600s    wait
check bans 1
at 602s    wait
expect expire 192.0.2.9
check bans 0
check source 192.0.2.9 smtp concurrent 0 standing normal
at 700s    flow 192.0.2.9:2001-2010 open
at 701s    flow 192.0.2.9:2011 open
expect add 192.0.2.9 10m smtp 11>10 concurrent; no PTR
expect ban 192.0.2.9 smtp 11>10 concurrent; no PTR earlier 1
