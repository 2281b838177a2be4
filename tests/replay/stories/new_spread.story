# one each 30.1 s for an hour: never more than ten in any 300 s
set smtp.reverse_dns ignore
at 0s      ready
at 0s      flow 192.0.2.9:1001-1120 pass every 30.1s
check source 192.0.2.9 smtp new 10 standing normal
