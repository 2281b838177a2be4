# SYNs without a handshake are shown, never punished, never asked about
at 0s    ready
at 0s    flow 192.0.2.9:1001-1900 syn
check source 192.0.2.9 smtp concurrent 0 half_open 900 new 0 peak 0 standing normal
at 1s    flow 192.0.2.9:1001-1900 syn
check half_open 900
at 60s   flow 192.0.2.9:1001-1900 closed
check source 192.0.2.9 smtp half_open 0
check flows 0
