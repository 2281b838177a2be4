# bans of an earlier run, found in the kernel at start
set smtp.new off
at 0s     local 198.51.100.1 added
at 0s     adopt 192.0.2.9 1h 10m "smtp 23>10 concurrent; no PTR"
at 0s     adopt 192.0.2.8 never never "by somebody else"
at 0s     adopt 198.51.100.1 1h 10m "smtp 23>10 concurrent; no PTR"
expect result never-listed
check bans 2
at 0s     dump begin
at 0s     dump 192.0.2.9:1001-1011 established
at 0s     dump end
check source 192.0.2.9 smtp concurrent 11 standing banned
at 599s   wait
check bans 2
at 601s   wait
expect expire 192.0.2.9
check bans 1
at 602s   unban 192.0.2.8
expect delete 192.0.2.8
expect unban 192.0.2.8
check bans 0
