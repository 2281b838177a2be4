# the ban ends by itself; who comes again is banned again for twice as long, up to a bound, until it is
# forgotten
set smtp.new off
set bans.duration 10m
set bans.max_duration 30m
set bans.forget_after 2h
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
expect add 192.0.2.9 20m smtp 11>10 concurrent; no PTR
expect ban 192.0.2.9 smtp 11>10 concurrent; no PTR earlier 1
at 1800s   flow 192.0.2.9:2001-2011 closed
at 1901s   wait
expect expire 192.0.2.9
at 2000s   flow 192.0.2.9:3001-3011 open
expect add 192.0.2.9 30m smtp 11>10 concurrent; no PTR
expect ban 192.0.2.9 smtp 11>10 concurrent; no PTR earlier 2
at 2100s   flow 192.0.2.9:3001-3011 closed
at 3800s   wait
expect expire 192.0.2.9
at 11001s  flow 192.0.2.9:4001-4011 open
expect resolve 192.0.2.9
at 11002s  answer 192.0.2.9 none
expect add 192.0.2.9 10m smtp 11>10 concurrent; no PTR
expect ban 192.0.2.9 smtp 11>10 concurrent; no PTR
