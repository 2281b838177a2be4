# only submission observes
set submission.mode observe
at 0s     ready
at 0s     flow 192.0.2.9:1001-1031 -> 198.51.100.1:587 open
expect observe 192.0.2.9 submission 31>30 concurrent
at 1s     flow 192.0.2.9:2001-2011 open
expect resolve 192.0.2.9
at 1.1s   answer 192.0.2.9 none
expect add 192.0.2.9 1h smtp 11>10 concurrent; no PTR
expect ban 192.0.2.9 smtp 11>10 concurrent; no PTR
check source 192.0.2.9 submission standing banned
