# one address that must not be banned spares its /64
at 0s  ready
at 0s  ban 2001:db8:1:1::/64
expect add 2001:db8:1:1::/64 1h operator
expect ban 2001:db8:1:1::/64 operator
at 1s  allow 2001:db8:1:1::25
expect delete 2001:db8:1:1::/64
expect unban 2001:db8:1:1::/64 allow list
expect result lifted 1
at 2s  flow [2001:db8:1:1::9]:1001-1031 -> [2001:db8:ffff::25]:587 open
expect exempt 2001:db8:1:1::/64 allow list
