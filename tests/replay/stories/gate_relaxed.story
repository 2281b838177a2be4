# require only on port 25
set smtp.reverse_dns require
at 0s     ready
at 1s     packet 1 192.0.2.9 587
expect accept 1
at 1s     packet 2 192.0.2.9 2525
expect accept 2
at 1s     packet 3 192.0.2.9 25
expect resolve 192.0.2.9
at 1.01s  answer 192.0.2.9 none
expect gate-add refused 192.0.2.9 10m smtp reverse_dns; no PTR
expect repeat 3
expect refuse 192.0.2.9 smtp reverse_dns; no PTR
at 2s     packet 4 192.0.2.9 587
expect accept 4
# loopback, own addresses and allowed ones are never asked about
allow 203.0.113.0/24
at 3s     reload
at 4s     packet 5 127.0.0.1
expect accept 5
at 4s     packet 6 198.51.100.1
expect accept 6
at 4s     packet 7 203.0.113.77
expect accept 7
at 4s     packet 8 2001:db8:ffff::25
expect accept 8
check gate accepted_exempt 7 refused 1 packets 8
check gated 192.0.2.9 refused
