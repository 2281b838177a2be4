# require on every service: no PTR, no connection, on any port
set smtp.reverse_dns require
set submission.reverse_dns require
show trust
at 0s     ready
at 1s     packet 1 192.0.2.9
expect resolve 192.0.2.9
check gated 192.0.2.9 held
# another connection and the client's second try wait for the same answer
at 1.01s  packet 2 192.0.2.9 465
at 1.02s  packet 3 192.0.2.9
check gate held 3 joined 2
at 1.03s  answer 192.0.2.9 none
expect gate-add refused 192.0.2.9 10m smtp reverse_dns; no PTR
expect repeat 1
expect repeat 2
expect repeat 3
expect refuse 192.0.2.9 smtp reverse_dns; no PTR
check gated 192.0.2.9 refused
# this one was on its way already
at 1.04s  packet 4 192.0.2.9 587
expect drop 4
# a name that does not resolve back
at 2s     packet 5 2001:db8:0:9::1 587
expect resolve 2001:db8:0:9::1
# its prefix is one source
at 2.01s  packet 6 2001:db8:0:9::2
at 2.02s  answer 2001:db8:0:9::1 mismatch host.example.org
expect gate-add refused 2001:db8:0:9::/64 10m submission reverse_dns; PTR does not resolve back
expect repeat 5
expect repeat 6
expect refuse 2001:db8:0:9::/64 submission reverse_dns; PTR does not resolve back
# a verified one is asked about once
at 3s     packet 7 192.0.2.10
expect resolve 192.0.2.10
at 3.01s  answer 192.0.2.10 verified mail.example.net
expect trust 192.0.2.10 1h
expect accept 7
check gated 192.0.2.10 unknown
at 3.02s  packet 8 192.0.2.10 587
expect accept 8
check gate packets 8 refused 5 dropped 1 accepted_verified 2 refused_sources 2 held 0 held_peak 3
# forgotten after negative_ttl, like the answer itself
at 601.03s packet 9 192.0.2.9
expect resolve 192.0.2.9
at +0.01s answer 192.0.2.9 none
expect gate-add refused 192.0.2.9 10m smtp reverse_dns; no PTR
expect repeat 9
expect refuse 192.0.2.9 smtp reverse_dns; no PTR
