# bans by hand
set bans.max_bans 2
at 0s      ready
at 0s      ban 192.0.2.9 30m "spam run"
expect add 192.0.2.9 30m operator: spam run
expect ban 192.0.2.9 operator: spam run
at 1s      ban 192.0.2.8 never
expect add 192.0.2.8 never operator
expect ban 192.0.2.8 operator
at 2s      ban 192.0.2.7
expect result bans-full
check bans_full 1
at 3s      ban 192.0.2.0/24 1h
expect result other-prefix
at 3s      ban 2001:db8::1 1h
expect result other-prefix
# the other family has room
at 4s      ban 2001:db8::/64
expect add 2001:db8::/64 1h operator
expect ban 2001:db8::/64 operator
# its connections change nothing
at 5s      flow 192.0.2.9:1001-1020 open
check source 192.0.2.9 smtp concurrent 20 standing banned
at 6s      unban 192.0.2.8
expect delete 192.0.2.8
expect unban 192.0.2.8
at 1801s   wait
expect expire 192.0.2.9
at 3700s   wait
expect expire 2001:db8::/64
check bans 0
