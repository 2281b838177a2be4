# one each 29.9 s: the eleventh stands 299 s behind the first
set smtp.reverse_dns ignore
at 0s      ready
at 0s      flow 192.0.2.9:1001-1010 pass every 29.9s
at 299s    flow 192.0.2.9:1011 pass
expect add 192.0.2.9 1h smtp 11>10 new/300s
expect ban 192.0.2.9 smtp 11>10 new/300s
