# ACKs out of nowhere make conntrack pick up connections that do not exist
at 0s    ready
at 0s    flow 192.0.2.9:1001-1100 picked-up
check source 192.0.2.9 smtp concurrent 0 half_open 100 new 0 standing normal
at 0.1s  flow 192.0.2.9:1001-1100 closed
check source 192.0.2.9 smtp half_open 0
check flows 0
