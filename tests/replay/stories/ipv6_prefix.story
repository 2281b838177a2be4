# one customer has a /64: addresses inside it are one source, the next /64 is another
at 0s     ready
at 0s     flow [2001:db8:1:1::1]:1001-1004 open
at 0s     flow [2001:db8:1:1::2]:1001-1004 open
expect resolve 2001:db8:1:1::1
at 0s     flow [2001:db8:1:2::1]:1001-1004 open
at 0.1s   answer 2001:db8:1:1::1 none
at 1s     flow [2001:db8:1:1:ffff:ffff:ffff:ffff]:1001-1003 open
expect add 2001:db8:1:1::/64 1h smtp 11>10 concurrent; no PTR
expect ban 2001:db8:1:1::/64 smtp 11>10 concurrent; no PTR
check source 2001:db8:1:1::9 smtp concurrent 11 standing banned
check source 2001:db8:1:2::1 smtp concurrent 4 standing normal
