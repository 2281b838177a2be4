# unban lifts a refusal and spares the source, as after a ban
set smtp.reverse_dns require
set trust.unban_grace 5m
show trust record
at 0s     ready
at 1s     packet 1 192.0.2.9
expect resolve 192.0.2.9
at 1.1s   answer 192.0.2.9 none
expect gate-add refused 192.0.2.9 10m smtp reverse_dns; no PTR
expect repeat 1
expect refuse 192.0.2.9 smtp reverse_dns; no PTR
at 2s     unban 192.0.2.9
expect gate-delete refused 192.0.2.9
expect unban 192.0.2.9
expect record grace 192.0.2.9 5m
expect trust 192.0.2.9 5m
at 3s     packet 2 192.0.2.9
expect accept 2
at 302.5s packet 3 192.0.2.9
expect gate-add refused 192.0.2.9 10m smtp reverse_dns; no PTR
expect repeat 3
expect refuse 192.0.2.9 smtp reverse_dns; no PTR
# one that waits for its name is let in
at 310s   packet 4 192.0.2.10
expect resolve 192.0.2.10
at 310.1s unban 192.0.2.10
expect record grace 192.0.2.10 5m
expect trust 192.0.2.10 5m
expect accept 4
expect result not-banned
at 310.2s answer 192.0.2.10 none
at 310.3s packet 5 192.0.2.10
expect accept 5
# a wider prefix, without grace
at 320s   unban 192.0.2.0/24
expect gate-delete refused 192.0.2.9
expect unban 192.0.2.9
at 321s   packet 6 192.0.2.9
expect gate-add refused 192.0.2.9 10m smtp reverse_dns; no PTR
expect repeat 6
expect refuse 192.0.2.9 smtp reverse_dns; no PTR
at 322s   flush
expect gate-delete refused 192.0.2.9
expect unban 192.0.2.9 flush
expect result lifted 1
check gated 192.0.2.9 unknown
