# a verified name passes the ceiling before it is met; renewed at half time
show trust
set smtp.new off
set trust.verified_for 10m
at 0s    ready
at 0s    flow 192.0.2.9:1001-1006 open
expect resolve 192.0.2.9
at 0.1s  answer 192.0.2.9 verified mail.example.net
expect trust 192.0.2.9 10m
check trusted 1
at 4m    flow 192.0.2.9:1007 open
at 5.1m  flow 192.0.2.9:1008 open
expect trust 192.0.2.9 10m
at 6m    flow 192.0.2.9:1009-1030 open
expect exempt 192.0.2.9 verified name
at 20m   wait
check trusted 0
# an operator's unban is trust too
at 21m   unban 192.0.2.8 5m
expect trust 192.0.2.8 5m
expect result not-banned
