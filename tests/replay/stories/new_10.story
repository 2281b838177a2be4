# ten handshakes in the window, closed at once
at 0s     ready
at 0s     flow 192.0.2.9:1001-1010 pass every 1s
expect resolve 192.0.2.9
at 10s    answer 192.0.2.9 none
check source 192.0.2.9 smtp concurrent 0 new 10 peak 1 standing normal
at 299s   wait
check source 192.0.2.9 smtp new 10
at 300s   wait
check source 192.0.2.9 smtp new 9
