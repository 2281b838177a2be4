# grace can be given ahead, and a grace of its own length
at 0s      ready
at 0s      unban 192.0.2.9 10m
expect result not-banned
at 1s      flow 192.0.2.9:1001-1031 -> 198.51.100.1:587 open
expect exempt 192.0.2.9 unbanned by an operator
at 602s    flow 192.0.2.9:1032 -> 198.51.100.1:587 open
expect add 192.0.2.9 1h submission 32>30 concurrent
expect ban 192.0.2.9 submission 32>30 concurrent
# a network has no grace
at 603s    unban 192.0.2.0/24
expect delete 192.0.2.9
expect unban 192.0.2.9
at 604s    unban 192.0.2.0/24
expect result not-banned
at 605s    flow 192.0.2.9:1033 -> 198.51.100.1:587 open
expect add 192.0.2.9 1h submission 33>30 concurrent
expect ban 192.0.2.9 submission 33>30 concurrent
