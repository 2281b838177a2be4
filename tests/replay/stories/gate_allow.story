# the allow lists lift refusals inside, and let in who waits
set smtp.reverse_dns require
at 0s     ready
at 1s     packet 1 192.0.2.9
expect resolve 192.0.2.9
at 1.1s   answer 192.0.2.9 none
expect gate-add refused 192.0.2.9 10m smtp reverse_dns; no PTR
expect repeat 1
expect refuse 192.0.2.9 smtp reverse_dns; no PTR
at 2s     packet 2 192.0.2.10
expect resolve 192.0.2.10
at 2.1s   packet 3 198.51.100.77
expect resolve 198.51.100.77
at 2.2s   allow 192.0.2.0/24
expect gate-delete refused 192.0.2.9
expect unban 192.0.2.9 allow list
expect accept 2
expect result lifted 1
check gated 198.51.100.77 held
at 2.3s   packet 4 192.0.2.9
expect accept 4
# an address that becomes our own
at 2.4s   local 198.51.100.77 added
expect accept 3
# one address of a prefix spares all of it, whether it waits or is refused
at 2.5s   packet 7 2001:db8:0:8::1
expect resolve 2001:db8:0:8::1
at 2.6s   packet 8 2001:db8:0:7::1
expect resolve 2001:db8:0:7::1
at 2.7s   allow 2001:db8:0:8::7
expect accept 7
at 2.8s   answer 2001:db8:0:7::1 verified
expect accept 8
at 3s     packet 5 2001:db8:0:9::1
expect resolve 2001:db8:0:9::1
at 3.1s   answer 2001:db8:0:9::1 none
expect gate-add refused 2001:db8:0:9::/64 10m smtp reverse_dns; no PTR
expect repeat 5
expect refuse 2001:db8:0:9::/64 smtp reverse_dns; no PTR
at 4s     allow 2001:db8:0:9::7
expect gate-delete refused 2001:db8:0:9::/64
expect unban 2001:db8:0:9::/64 allow list
expect result lifted 1
# the allow files
at 5s     packet 6 203.0.113.9
expect resolve 203.0.113.9
at 5.1s   answer 203.0.113.9 none
expect gate-add refused 203.0.113.9 10m smtp reverse_dns; no PTR
expect repeat 6
expect refuse 203.0.113.9 smtp reverse_dns; no PTR
allow 203.0.113.0/24
at 6s     reload
expect gate-delete refused 203.0.113.9
expect unban 203.0.113.9 allow list
