# a CIDR of an allow file, at any count
allow 203.0.113.0/24
allow 2001:db8:a::/48
at 0s  ready
at 0s  flow 203.0.113.9:1001-1500 open
expect exempt 203.0.113.9 allow list
check source 203.0.113.9 smtp concurrent 500 standing allowed
at 1s  flow [2001:db8:a:1::9]:1001-1500 open
expect exempt 2001:db8:a:1::/64 allow list
at 2s  flow 203.0.113.9:2001-2500 pass
check bans 0
at 3s  ban 203.0.113.9 1h test
expect result never-listed
# the neighbour is not on it
at 4s  flow 203.0.114.9:1001-1031 -> 198.51.100.1:587 open
expect add 203.0.114.9 1h submission 31>30 concurrent
expect ban 203.0.114.9 submission 31>30 concurrent
