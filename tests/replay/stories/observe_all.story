# the whole program observes: said once per episode, nothing changed
set mode observe
at 0s     ready
at 0s     flow 192.0.2.9:1001-1011 open
expect resolve 192.0.2.9
at 0.02s  answer 192.0.2.9 none
expect observe 192.0.2.9 smtp 11>10 concurrent; no PTR
at 1s     flow 192.0.2.9:1012-1020 open
check source 192.0.2.9 smtp concurrent 20 standing over-limit
check bans 0
at 2s     ban 192.0.2.77 1h test
expect result observing
# back within the limit and the window over it again: a new episode
at 400s   flow 192.0.2.9:1006-1020 closed
check source 192.0.2.9 smtp concurrent 5 standing normal
at 401s   flow 192.0.2.9:1021-1026 open
expect observe 192.0.2.9 smtp 11>10 concurrent; no PTR
