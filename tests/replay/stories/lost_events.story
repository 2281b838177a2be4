# after a loss the counts may hold connections that closed: nobody is banned for them before the dump
set smtp.new off
at 0s     ready
at 0s     flow 192.0.2.9:1001-1010 open
expect resolve 192.0.2.9
at 0.1s   answer 192.0.2.9 none
at 0.1s   flow 192.0.2.8:1001-1008 open
expect resolve 192.0.2.8
at 0.2s   answer 192.0.2.8 none
at 1s     lost
check in_doubt 1
# 192.0.2.9 closed five of its ten, unheard; 192.0.2.8 opened five more, unheard
at 2s     flow 192.0.2.9:1011-1012 open
check source 192.0.2.9 smtp concurrent 12 standing over-limit
at 3s     dump begin
at 3s     dump 192.0.2.9:1006-1012 established
at 3s     dump 192.0.2.8:1001-1010 established
at 3.01s  dump 192.0.2.8:1011-1013 established
at 3.02s  dump end
expect add 192.0.2.8 1h smtp 13>10 concurrent; no PTR
expect ban 192.0.2.8 smtp 13>10 concurrent; no PTR
check source 192.0.2.9 smtp concurrent 7 standing normal
check in_doubt 0
check drift_added 5
check drift_removed 5
