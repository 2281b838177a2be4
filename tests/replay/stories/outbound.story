# connections that this host opens to port 25 elsewhere are not counted against the other side
at 0s  ready
at 0s  flow 198.51.100.1:1001-1100 -> 192.0.2.25:25 open
check source 192.0.2.25 smtp concurrent 0
check source 198.51.100.1 smtp concurrent 0
check flows 0
check not_inbound 200
