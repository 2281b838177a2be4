# a service that observes: everybody gets in, and who would have been refused is told once per negative_ttl
set smtp.reverse_dns require
set smtp.mode observe
at 0s     ready
at 1s     flow 192.0.2.9:1001 syn
at 1.01s  flow 192.0.2.9:1001 established
expect resolve 192.0.2.9
at 1.02s  answer 192.0.2.9 none
expect observe 192.0.2.9 smtp reverse_dns; no PTR
check gated 192.0.2.9 would-refuse
at 2s     flow 192.0.2.9:1002 open
check gate observed_sources 1 packets 0
# half-open connections ask nothing; a verified source is nothing to tell
at 3s     flow 192.0.2.10:1001 syn
at 3s     flow 192.0.2.11:1001 open
expect resolve 192.0.2.11
at 3.01s  answer 192.0.2.11 verified
at 4s     flow 192.0.2.11:1002 open
# never-listed
at 5s     allow 192.0.2.12
at 5s     flow 192.0.2.12:1001 open
# told again when it is forgotten
at 601.5s flow 192.0.2.9:1003 open
expect resolve 192.0.2.9
at 601.6s answer 192.0.2.9 mismatch host.example.org
expect observe 192.0.2.9 smtp reverse_dns; PTR does not resolve back
# nothing waits: a packet that comes all the same is let through
at 602s   packet 1 192.0.2.9
expect accept 1
check gate accepted_exempt 1
# enforced from now on
set smtp.mode enforce
at 603s   reload
check gated 192.0.2.9 unknown
at 604s   packet 2 192.0.2.9
expect gate-add refused 192.0.2.9 10m smtp reverse_dns; PTR does not resolve back
expect repeat 2
expect refuse 192.0.2.9 smtp reverse_dns; PTR does not resolve back
