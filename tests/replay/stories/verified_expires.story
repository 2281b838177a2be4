# what was verified is asked again when its time is over, and judged anew
set smtp.new off
at 0s     ready
at 0s     flow 192.0.2.9:1001-1011 open
expect resolve 192.0.2.9
at 0.02s  answer 192.0.2.9 verified ttl 5m mail.example.net
expect exempt 192.0.2.9 verified name
at 4m     flow 192.0.2.9:1012 open
at 6m     flow 192.0.2.9:1013 open
expect resolve 192.0.2.9
check source 192.0.2.9 smtp standing resolving
at 361s   answer 192.0.2.9 none
expect add 192.0.2.9 1h smtp 13>10 concurrent; no PTR
expect ban 192.0.2.9 smtp 13>10 concurrent; no PTR
