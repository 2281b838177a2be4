# ::1 is inside the source ::/64, also when nobody announced it as an own address
at 0s  ready
at 0s  flow [::1]:1001-1500 -> [::1]:25 open
expect exempt ::/64 loopback
at 1s  ban ::/64 1h test
expect result never-listed
check bans 0
