# ten connections at once are within the limit; the name is asked for ahead of need
at 0s     ready
at 0s     flow 192.0.2.9:1001-1010 open
expect resolve 192.0.2.9
at 0.02s  answer 192.0.2.9 none
check source 192.0.2.9 smtp concurrent 10 half_open 0 new 10 peak 10 standing normal
at 5m     flow 192.0.2.9:1001-1010 closed
check source 192.0.2.9 smtp concurrent 0 peak 10
check flows 0
check bans 0
