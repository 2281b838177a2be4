# bans by hand
show close record list
set bans.max_bans 2
at 0s      ready
at 0s      ban 192.0.2.9 30m "spam run"
expect add 192.0.2.9 30m operator: spam run
expect close 192.0.2.9
expect ban 192.0.2.9 operator: spam run
expect record ban 192.0.2.9 30m
at 1s      ban 192.0.2.8 never
expect add 192.0.2.8 never operator
expect close 192.0.2.8
expect ban 192.0.2.8 operator
expect record ban 192.0.2.8 never
at 2s      ban 192.0.2.7
expect result bans-full
check bans_full 1
# the other family has room
at 4s      ban 2001:db8::/64
expect add 2001:db8::/64 1h operator
expect close 2001:db8::/64
expect ban 2001:db8::/64 operator
expect record ban 2001:db8::/64 1h
# its connections change nothing
at 5s      flow 192.0.2.9:1001-1020 open
check source 192.0.2.9 smtp concurrent 20 standing banned
at 6s      unban 192.0.2.8
expect delete 192.0.2.8
expect unban 192.0.2.8
expect record ban-end 192.0.2.8 lifted
expect record grace 192.0.2.8 1h
at 7s      ban 198.51.100.0/24
expect result never-listed
at 1801s   wait
expect expire 192.0.2.9
expect record ban-end 192.0.2.9 expired
at 3700s   wait
expect expire 2001:db8::/64
expect record ban-end 2001:db8::/64 expired
check bans 0
