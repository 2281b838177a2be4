# an operator's unban sticks for the time of grace, and the ban is not held against the source
set smtp.new off
set bans.duration 2h
set trust.unban_grace 1h
set resolver.negative_ttl 6h
at 0s      ready
at 0s      flow 192.0.2.9:1001-1011 open
expect resolve 192.0.2.9
at 1s      answer 192.0.2.9 none
expect add 192.0.2.9 2h smtp 11>10 concurrent; no PTR
expect ban 192.0.2.9 smtp 11>10 concurrent; no PTR
at 10s     unban 192.0.2.9
expect delete 192.0.2.9
expect unban 192.0.2.9
expect exempt 192.0.2.9 unbanned by an operator
check bans 0
at 20s     flow 192.0.2.9:1012 open
at 3609s   flow 192.0.2.9:1013 open
check bans 0
at 3611s   flow 192.0.2.9:1014 open
expect add 192.0.2.9 2h smtp 14>10 concurrent; no PTR
expect ban 192.0.2.9 smtp 14>10 concurrent; no PTR
