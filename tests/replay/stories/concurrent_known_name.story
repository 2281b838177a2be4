# the answer is there when the limit is passed: banned by the event itself
set smtp.new off
at 0s    ready
at 0s    flow 192.0.2.9:1001-1008 open
expect resolve 192.0.2.9
at 1s    answer 192.0.2.9 none
at 2s    flow 192.0.2.9:1009-1010 open
at 3s    flow 192.0.2.9:1011 open
expect add 192.0.2.9 1h smtp 11>10 concurrent; no PTR
expect ban 192.0.2.9 smtp 11>10 concurrent; no PTR
