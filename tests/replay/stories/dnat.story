# the service is found by the local side, right behind DNAT too
at 0s  ready
at 0s  flow 192.0.2.9:1001-1031 -> 203.0.113.80:2525 local 198.51.100.1:587 open
expect add 192.0.2.9 1h submission 31>30 concurrent
expect ban 192.0.2.9 submission 31>30 concurrent
# forwarded elsewhere: not ours
at 1s  flow 192.0.2.8:1001-1031 -> 198.51.100.1:587 local 10.0.0.5:587 open
check source 192.0.2.8 submission concurrent 0
