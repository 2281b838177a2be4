# eleven connections, of which one closed before the eleventh: never more than ten at once
set smtp.new off
at 0s    ready
at 0s    flow 192.0.2.9:1001-1010 open
expect resolve 192.0.2.9
at 0.1s  answer 192.0.2.9 none
at 1s    flow 192.0.2.9:1003 closed
at 2s    flow 192.0.2.9:1011 open
check source 192.0.2.9 smtp concurrent 10 peak 10 standing normal
# a repeated close counts once: the next one is the eleventh
at 3s    flow 192.0.2.9:1003 closed
at 3s    flow 192.0.2.9:1012 open
expect add 192.0.2.9 1h smtp 11>10 concurrent; no PTR
expect ban 192.0.2.9 smtp 11>10 concurrent; no PTR
