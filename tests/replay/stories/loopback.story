# chkservd and webmail connect from the host itself
at 0s  ready
at 0s  flow 127.0.0.1:1001-1500 -> 127.0.0.1:25 open
expect exempt 127.0.0.1 loopback
check source 127.0.0.1 smtp concurrent 500 standing allowed
at 1s  flow 127.0.0.2:1001-1500 -> 127.0.0.1:587 open
expect exempt 127.0.0.2 loopback
at 2s  ban 127.0.0.1 1h test
expect result never-listed
check bans 0
