# lookups of many addresses fail and none succeeds: it is us, whatever the resolver says of itself
set smtp.new off
set resolver.deadline 1h
at 0s     ready
at 0s     flow 192.0.2.1:1001-1011 open
expect resolve 192.0.2.1
at 0s     flow 192.0.2.2:1001-1011 open
expect resolve 192.0.2.2
at 0s     flow 192.0.2.3:1001-1011 open
expect resolve 192.0.2.3
at 0s     flow 192.0.2.4:1001-1011 open
expect resolve 192.0.2.4
at 0s     flow 192.0.2.5:1001-1011 open
expect resolve 192.0.2.5
at 0s     flow 192.0.2.6:1001-1011 open
expect resolve 192.0.2.6
at 0s     flow 192.0.2.7:1001-1011 open
expect resolve 192.0.2.7
at 0s     flow 192.0.2.8:1001-1011 open
expect resolve 192.0.2.8
at 0s     flow 192.0.2.9:1001-1011 open
expect resolve 192.0.2.9
at 0s     flow 192.0.2.10:1001-1011 open
expect resolve 192.0.2.10
at 1s     answer 192.0.2.1 failed
at 1s     answer 192.0.2.2 failed
at 1s     answer 192.0.2.3 failed
at 1s     answer 192.0.2.4 failed
at 1s     answer 192.0.2.5 failed
at 1s     answer 192.0.2.6 failed
at 1s     answer 192.0.2.7 failed
at 1s     answer 192.0.2.8 failed
at 1s     answer 192.0.2.9 failed
at 1s     answer 192.0.2.10 failed
at 6.9s   wait
expect resolve 192.0.2.1
expect resolve 192.0.2.2
expect resolve 192.0.2.3
expect resolve 192.0.2.4
expect resolve 192.0.2.5
expect resolve 192.0.2.6
expect resolve 192.0.2.7
expect resolve 192.0.2.8
expect resolve 192.0.2.9
expect resolve 192.0.2.10
at 7s     answer 192.0.2.1 failed
at 7s     answer 192.0.2.2 failed
at 7s     answer 192.0.2.3 failed
at 7s     answer 192.0.2.4 failed
at 7s     answer 192.0.2.5 failed
at 7s     answer 192.0.2.6 failed
at 7s     answer 192.0.2.7 failed
at 7s     answer 192.0.2.8 failed
at 7s     answer 192.0.2.9 failed
at 7s     answer 192.0.2.10 failed
at 12.9s  wait
expect resolve 192.0.2.1
expect resolve 192.0.2.2
expect resolve 192.0.2.3
expect resolve 192.0.2.4
expect resolve 192.0.2.5
expect resolve 192.0.2.6
expect resolve 192.0.2.7
expect resolve 192.0.2.8
expect resolve 192.0.2.9
expect resolve 192.0.2.10
at 13s    answer 192.0.2.10 failed
at 13s    answer 192.0.2.9 failed
at 13s    answer 192.0.2.8 failed
at 13s    answer 192.0.2.7 failed
at 13s    answer 192.0.2.6 failed
at 13s    answer 192.0.2.5 failed
at 13s    answer 192.0.2.4 failed
at 13s    answer 192.0.2.3 failed
at 13s    answer 192.0.2.2 failed
at 13s    answer 192.0.2.1 failed
check bans 0
