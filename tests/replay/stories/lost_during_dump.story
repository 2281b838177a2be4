# a loss in the middle of the dump: the doubt stays until a dump without one
set smtp.new off
at 0s     ready
at 0s     flow 192.0.2.9:1001-1010 open
expect resolve 192.0.2.9
at 0.1s   answer 192.0.2.9 none
at 1s     lost
at 1s     flow 192.0.2.9:1011 open
at 2s     dump begin
at 2s     lost
at 2s     dump 192.0.2.9:1001-1011 established
at 2s     dump end lost
check in_doubt 1
check bans 0
at 3s     dump begin
at 3s     dump 192.0.2.9:1001-1011 established
at 3s     dump end
expect add 192.0.2.9 1h smtp 11>10 concurrent; no PTR
expect ban 192.0.2.9 smtp 11>10 concurrent; no PTR
