# nobody answers: never banned as "none", however long it lasts; asked again at intervals
set smtp.new off
at 0s     ready
at 0s     flow 192.0.2.9:1001-1011 open
expect resolve 192.0.2.9
at 1.9s   wait
check source 192.0.2.9 smtp standing resolving
at 3s     wait
expect exempt 192.0.2.9 reverse DNS unknown
at 3.1s   flow 192.0.2.9:1012-1100 open
check source 192.0.2.9 smtp concurrent 100 standing resolving
check bans 0
