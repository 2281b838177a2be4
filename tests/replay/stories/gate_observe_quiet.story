# connections from before the start are not asked about
set smtp.reverse_dns require
set mode observe
at 0s     dump begin
at 0s     local 198.51.100.1 added
at 0s     dump 192.0.2.20:1001 established
at 0s     dump end
at 1s     flow 192.0.2.20:1002 open
expect resolve 192.0.2.20
at 1.1s   answer 192.0.2.20 none
expect observe 192.0.2.20 smtp reverse_dns; no PTR
